"""A whole follower list over HTTP."""
