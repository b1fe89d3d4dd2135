"""Fitting `models/cohort.json`."""
