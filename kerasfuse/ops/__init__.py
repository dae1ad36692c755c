"""Pure functions on tensors: the mathematics, apart from layers and their state."""

from kerasfuse.ops.attention import attention_scores, causal_slack_mask, fused_attention
from kerasfuse.ops.contrast import log_sum_exp, pair_loss, unit_vectors
from kerasfuse.ops.ctc import monotone_ctc_loss
from kerasfuse.ops.element_alignment import propagated_alignment
from kerasfuse.ops.linear_recurrence import linear_recurrence
from kerasfuse.ops.masks import first_valid_steps, padding_mask
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
    "first_valid_steps",
    "fused_attention",
    "linear_recurrence",
    "log_sum_exp",
    "mmd",
    "modulated_output",
    "modulation_coefficients",
    "monotone_ctc_loss",
    "padding_mask",
    "pair_loss",
    "propagated_alignment",
    "shapley_values",
    "sinusoid",
    "unit_vectors",
]
