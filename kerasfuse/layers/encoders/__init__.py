"""Encoders, heads and their small parts."""
