"""Training strategies and callbacks."""

from kerasfuse.training import callbacks
from kerasfuse.training.agm import AGM
from kerasfuse.training.modulated import Modulated
from kerasfuse.training.mses import MSES
from kerasfuse.training.mslr import MSLR
from kerasfuse.training.ogm_ge import OGMGE

__all__ = ["AGM", "MSES", "MSLR", "OGMGE", "Modulated", "callbacks"]
