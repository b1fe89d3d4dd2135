"""One avatar over HTTP."""
