"""A picture becomes portraits: landmarks, alignment, crop, eyes, mouth."""
