"""What to compute: steps over a partition, and updates from totals to the next state."""
