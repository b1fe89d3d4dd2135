"""Mastodon: its webhooks in, reports for its moderators out; never an action on an account."""
