"""What only a whole list can say: how many are generated, a shared frame, copies, context."""
