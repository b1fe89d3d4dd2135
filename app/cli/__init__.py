"""The commands of ``eyeline``. Heavy imports are inside the functions, to keep ``--help`` fast."""
