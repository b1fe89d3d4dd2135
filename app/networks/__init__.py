"""The networks: loading, the regions that they read, and region scores."""
