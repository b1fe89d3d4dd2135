"""What the columns of a list mean: by their names, then by what they hold."""
