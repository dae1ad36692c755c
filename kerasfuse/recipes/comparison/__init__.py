"""Entries side by side, in one table."""
