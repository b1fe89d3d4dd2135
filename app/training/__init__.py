"""Corpus → ``models/calibration.json``, and how good that is. The service never imports it."""
