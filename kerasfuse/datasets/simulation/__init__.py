"""Worlds of simulated clips: what happens in them, and how each modality shows it."""

# Samples drawn from one generator.
BLOCK = 64
