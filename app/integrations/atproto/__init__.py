"""AT protocol (Bluesky): accounts in as a list, labels of an Ozone labeler out."""
