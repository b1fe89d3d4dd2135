"""Bytes become a picture."""
