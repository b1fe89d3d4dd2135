"""The commands of ``eyeline``, by theme. Heavy imports wait inside them: ``--help`` is quick."""
