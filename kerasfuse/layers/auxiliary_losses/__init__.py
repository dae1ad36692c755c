"""Layers that add a named loss."""
