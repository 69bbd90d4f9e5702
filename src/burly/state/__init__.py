"""Where the shared state lives: one contract, one file a backend."""
