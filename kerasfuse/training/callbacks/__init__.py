"""Keras callbacks that training runs use."""

from kerasfuse.training.callbacks.run_checkpoint import RunCheckpoint

__all__ = ["RunCheckpoint"]
