"""Evidence bundles: everything about a list or a picture in one zip, and whether it still holds."""
