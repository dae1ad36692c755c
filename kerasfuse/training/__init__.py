"""Training strategies and callbacks."""

from kerasfuse.training import callbacks

__all__ = ["callbacks"]
