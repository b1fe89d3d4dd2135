"""One step each; a new one follows the last and raises ``SCHEMA_VERSION``."""
