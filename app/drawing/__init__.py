"""Analysis → pictures. Pillow draws letters and encodes here; nothing is decoded or judged."""
