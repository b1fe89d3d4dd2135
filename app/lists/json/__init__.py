"""JSON and NDJSON in all their shapes → rows."""
