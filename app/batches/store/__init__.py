"""The tables of batches, and everything that reads or writes them."""
