"""One picture: from pixels to an analysis, in this process or in a child."""
