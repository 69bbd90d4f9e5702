"""State stores: one contract, one file per backend."""
