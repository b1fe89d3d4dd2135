"""Readings become likelihood ratios."""
