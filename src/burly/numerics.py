"""Which bits burly computes: raised whenever the same data, parameters and seed give other ones."""

NUMERICS_VERSION = 1
