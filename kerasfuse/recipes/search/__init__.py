"""Search over the arguments of an entry, with the answer measured on fresh seeds."""
