"""Data sets by name, and batches of one's own arrays."""

from kerasfuse.datasets import mosi_utterance as mosi_utterance
from kerasfuse.datasets import simulated as simulated
from kerasfuse.datasets.batches import Batches
from kerasfuse.datasets.registry import load, names

__all__ = ["Batches", "load", "names"]
