"""WarmupLinearDecay: a learning rate that climbs, then falls to 0."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Let the learning rate climb linearly to its peak, and fall linearly to 0 at the last step.

        lr(t) = peak (t + 1) / warmup             for t < warmup
        lr(t) = peak (total - t) / (total - warmup)   after that, 0 from t = total on

    The first step, t = 0, already learns.

    Reference: the schedule under which BERT is fine-tuned (Devlin et al., NAACL 2019, appendix A),
    which the authors' later release of DAHB has, one step later: its first step has rate 0.

    Args:
        peak: the highest learning rate.
        warmup_steps: steps until it is reached, from 0.
        total_steps: steps of the whole training, more than `warmup_steps`.

    Raises:
        ValueError: for steps that are not in this order.

    Example:

    >>> schedule = WarmupLinearDecay(1e-3, warmup_steps=10, total_steps=100)
    >>> [round(float(schedule(t)), 6) for t in (0, 9, 10, 55, 100)]
    [0.0001, 0.001, 0.001, 0.0005, 0.0]
    """

    def __init__(self, peak, warmup_steps, total_steps):
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "expected warmup_steps from 0, and fewer than total_steps. "
                f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        climb = (step + 1.0) / max(self.warmup_steps, 1)
        fall = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        share = ops.where(step < self.warmup_steps, climb, ops.maximum(fall, 0.0))
        return self.peak * share

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
