"""Routes that other programs call by contracts of their own."""
