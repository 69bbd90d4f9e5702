"""What starts the workers: one file a launcher."""
