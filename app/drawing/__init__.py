"""Analysis → pictures: Pillow writes, OpenCV draws and encodes; nothing is decoded or judged."""
