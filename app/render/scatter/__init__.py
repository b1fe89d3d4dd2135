"""Where the eyes of a whole list lie."""
