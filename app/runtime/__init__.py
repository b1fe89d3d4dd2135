"""Composes the services, shared by the server, the worker and the command line."""
