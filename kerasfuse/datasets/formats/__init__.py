"""Read one foreign file format a module."""
