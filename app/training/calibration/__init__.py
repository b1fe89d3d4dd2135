"""Fitting `models/calibration.json`."""
