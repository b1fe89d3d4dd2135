"""What was found → pictures and pages: Pillow writes, OpenCV draws; nothing is judged here."""
