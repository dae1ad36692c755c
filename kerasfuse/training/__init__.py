"""Training: strategies, schedules and callbacks."""

from kerasfuse.training import callbacks
from kerasfuse.training.agm import AGM
from kerasfuse.training.modulated import Modulated
from kerasfuse.training.mses import MSES
from kerasfuse.training.mslr import MSLR
from kerasfuse.training.ogm_ge import OGMGE
from kerasfuse.training.warmup_linear_decay import WarmupLinearDecay

__all__ = ["AGM", "MSES", "MSLR", "OGMGE", "Modulated", "WarmupLinearDecay", "callbacks"]
