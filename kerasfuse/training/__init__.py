"""Training: strategies, schedules and callbacks."""

from kerasfuse.training.warmup_linear_decay import WarmupLinearDecay

__all__ = ["WarmupLinearDecay"]
