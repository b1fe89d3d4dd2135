"""What a batch tells its caller when it ends."""
