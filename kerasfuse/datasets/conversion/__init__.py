"""Convert foreign files to records, once."""
