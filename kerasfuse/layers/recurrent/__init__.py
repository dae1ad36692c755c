"""Recurrences that skip padding."""
