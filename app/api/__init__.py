"""The HTTP door: routes by resource, schemas (the wire), problems (errors → status)."""
