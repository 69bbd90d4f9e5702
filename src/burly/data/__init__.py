"""From a path, a URI or an array to shards, and from shards to the rows of a worker."""
