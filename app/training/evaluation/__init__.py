"""Error rates of the models on a corpus."""
