"""Layers that make one representation of several modalities."""
