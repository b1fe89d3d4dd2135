"""Benchmarks, run by `make bench`; not part of the service or its tests."""
