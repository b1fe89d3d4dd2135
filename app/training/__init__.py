"""Fitting and evaluation of the models on a corpus. The service never imports it."""
