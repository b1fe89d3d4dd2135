"""The drawing of one analysis over its picture."""
