"""CTCAligner: give the frames of one modality to the words of another."""

import keras
from keras import ops

from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.layers.recurrent.masked_lstm import MaskedLSTM
from kerasfuse.ops.ctc import monotone_ctc_loss
from kerasfuse.ops.masks import first_valid_step, last_valid_step


@keras.saving.register_keras_serializable("kerasfuse")
class CTCAligner(AuxiliaryLoss):
    """Turn an unaligned sequence into one with a step for each step of another modality.

        S = LSTM(LSTM(X))                      one score for each of N target steps and a blank
        P = softmax(S)                         over blank and target steps, frame by frame
        Y_n = sum_t P_(t,n) X_t                target step n; the blank's share is dropped
        L = weight x CTC(S, 1 2 ... n)         in training only, averaged over the batch

    The loss wants the frames to run through the n steps that the target has, in their order; the
    task's gradient reaches the scores, too. Shares are not normalised over the frames, so that a
    long step weighs more. Scores are an LSTM's outputs, within (-1, 1), so that no share is more
    than e^2 times another. Only real frames and steps count; a sample with fewer frames than steps,
    which nothing can align, adds no loss.

    Reference: Graves et al., "Connectionist Temporal Classification", ICML 2006, as MulT's public
    code (Tsai et al., ACL 2019) uses it to make its rows `CTC + EF-LSTM`, `CTC + RAVEN` and
    `CTC + MCTN`. That code takes padding for frames and for words, adds the loss up over the batch,
    and trains the aligner with an optimizer of its own; here padding changes nothing and one
    optimizer trains everything.

    Args:
        steps: the most steps N of the target. Steps beyond get zeros, as if they were missing.
        weight: factor of the loss.

    Call arguments:
        inputs: tensor `(batch, frames, width)`.
        target_mask: boolean `(batch, target_steps)`, `True` at real steps of the target. They count
            from the first of them, so that padding may stand on either side.
        mask: boolean `(batch, frames)`, `True` at real frames, or `None`.

    Returns:
        Y, tensor `(batch, target_steps, width)`, each step beside its own of the target; zeros at
        padding and throughout for a sequence without real frames.

    Raises:
        ValueError: for fewer than one step, or a weight that is not positive.

    Example:

    >>> align = CTCAligner(steps=20)
    >>> align(np.ones((2, 300, 74)), target_mask=np.ones((2, 20), bool)).shape   # (2, 20, 74)
    """

    loss_name = "ctc"

    def __init__(self, steps, weight=1.0, **kwargs):
        # Not passed through but computed, in the dtype of the policy.
        super().__init__(weight, autocast=True, **kwargs)
        if not isinstance(steps, int) or steps < 1 or not weight > 0:
            raise ValueError(
                "expected `steps` to be a whole number from 1, and `weight` above 0. "
                f"Received: steps={steps!r}, weight={weight!r}"
            )
        self.steps = steps

    def build(self, inputs_shape):
        self.lstm = MaskedLSTM(self.steps + 1, num_layers=2, name="lstm", dtype=self.dtype_policy)
        self.lstm.build(inputs_shape)

    def call(self, inputs, target_mask, mask=None, training=None):
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        scores = ops.cast(self.lstm(inputs, mask=mask), "float32")
        shares = ops.softmax(scores, axis=-1)[:, :, 1:] * ops.cast(mask, "float32")[:, :, None]
        aligned = ops.einsum("btn,btw->bnw", ops.cast(shares, inputs.dtype), inputs)

        first, last = first_valid_step(target_mask), last_valid_step(target_mask)
        place = ops.arange(ops.shape(target_mask)[1], dtype="int32") - first[:, None]
        real = ops.logical_and(target_mask, place < self.steps)
        place = ops.clip(place, 0, self.steps - 1)
        aligned = ops.take_along_axis(aligned, place[:, :, None], axis=1)
        if training:
            count = ops.where(ops.any(target_mask, axis=1), last - first + 1, 0)
            loss = monotone_ctc_loss(scores, mask, ops.minimum(count, self.steps))
            self.add_value(ops.mean(loss))
        return aligned * ops.cast(real, aligned.dtype)[:, :, None]

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_spec(self, inputs, target_mask, mask=None, training=None):
        batch, steps = target_mask.shape
        return keras.KerasTensor((batch, steps, inputs.shape[-1]), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}
