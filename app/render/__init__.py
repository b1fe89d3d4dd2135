"""Analyses and lists as pictures and pages: drawn by OpenCV, lettered by Pillow, HTML by Jinja2."""
