"""The composition of the parts, once for the server, the worker and the command line."""
