"""Batch samples in memory or on disk."""
