"""A network of accounts as a drawing, and as files for Gephi and Cytoscape."""
