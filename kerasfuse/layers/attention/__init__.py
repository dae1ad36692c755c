"""Blocks and stacks of attention."""
