"""Metrics of one output among several, or of all of them: numbers, and presences."""
