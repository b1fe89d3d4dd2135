"""Eyeline in other programs' pipelines: each integration is thin, and an optional extra."""
