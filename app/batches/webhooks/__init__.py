"""What a batch tells its caller: that it has ended, or that many items are flagged."""
