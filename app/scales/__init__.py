"""Scales: what one check's reading weighs, each kind of reading in its own way."""
