"""Corpus → ``models/calibration.json``, and how good it is. Offline; the service never imports it."""
