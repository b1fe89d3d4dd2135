"""Zip and tar → pictures, and the list that names them."""
