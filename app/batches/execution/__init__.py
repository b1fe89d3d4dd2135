"""Work on batches: the queue, its workflows, chunks, heartbeats and recovery."""
