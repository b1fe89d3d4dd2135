"""What `make bench` runs; nothing here is part of the service or of its tests."""
