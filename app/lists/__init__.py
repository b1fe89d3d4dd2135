"""Follower lists in, results out: whatever shape a list comes in, it becomes items in order."""
