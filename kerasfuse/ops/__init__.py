"""Pure functions on tensors: the mathematics, apart from layers and their state."""

from kerasfuse.ops.attention import attention_scores, causal_slack_mask, fused_attention
from kerasfuse.ops.element_alignment import propagated_alignment
from kerasfuse.ops.masks import padding_mask
from kerasfuse.ops.maximum_mean_discrepancy import mmd
from kerasfuse.ops.modulation import (
    discrepancy_ratio,
    modulated_output,
    modulation_coefficients,
)
from kerasfuse.ops.positions import sinusoid
from kerasfuse.ops.shapley import coalition_coefficients, coalitions, shapley_values

__all__ = [
    "attention_scores",
    "causal_slack_mask",
    "coalition_coefficients",
    "coalitions",
    "discrepancy_ratio",
    "fused_attention",
    "mmd",
    "modulated_output",
    "modulation_coefficients",
    "padding_mask",
    "propagated_alignment",
    "shapley_values",
    "sinusoid",
]
