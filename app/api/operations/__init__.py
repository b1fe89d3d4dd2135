"""What operators and machines ask for: health, metrics, checks, model, limits."""
