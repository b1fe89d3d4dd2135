"""Durable batches: what was accepted is finished, whatever dies on the way."""
