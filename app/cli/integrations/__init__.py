"""Commands that connect Eyeline to other programs."""
