"""The networks: loading, the regions that they read, what a region scores."""
