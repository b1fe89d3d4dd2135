"""The report of a list: one self-contained HTML page."""
