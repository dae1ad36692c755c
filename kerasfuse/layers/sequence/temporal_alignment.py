"""TemporalAlignment: what sounds and sights say at the time of each word."""

import keras

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.multi_cross_attention import MultiCrossAttention, check_form
from kerasfuse.layers.sublayer import run


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class TemporalAlignment(keras.layers.Layer):
    """Align other modalities with the steps of an anchor modality, text, and add them to it.

        H = X_t + CA(X_t, X_a) + CA(X_t, X_v)

    Each step of the anchor queries the whole of every other sequence, so H has the anchor's steps.
    A modality that is absent adds exactly 0.

    Reference: DAHB, section 3.2.1, equation 2, which prints CA(X_t, X_v) twice; the two terms are
    those of audio and vision, as its text and the authors' later release have it. With
    `form="release_alignment"` heads are 32 wide whatever the width, and the output projection has a
    bias, as in the release. There padded frames take part in the attention; here they do not.

    Args:
        num_heads: heads of the attention; divides the width of the anchor, unless heads are 32
            wide.
        form: form of the attention, see `MultiCrossAttention`.

    Call arguments:
        anchor: tensor X_t, `(batch, Tt, width)`.
        sources: dict of name to tensor `(batch, Tm, any width)`.
        source_masks: dict of name to boolean `(batch, Tm)`, `True` at real steps.
        return_attention_scores: also return the attention, a dict of name to `(batch, Tt, Tm)`.

    Returns:
        Tensor `(batch, Tt, width)`, or a tuple of it and the attention.

    Example:

    >>> words, sounds = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 40))
    >>> align = TemporalAlignment(num_heads=8)
    >>> align(words, {"audio": sounds}, {"audio": np.ones((2, 500), bool)}).shape   # (2, 50, 40)
    """

    def __init__(self, num_heads, form="paper", **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.form = check_form(form, "form")

    def build(self, anchor_shape, sources_shape):
        self.attention = MultiCrossAttention(
            self.num_heads, self.form, name="attention", dtype=self.dtype_policy
        )
        self.attention.build(anchor_shape, sources_shape)

    def call(self, anchor, sources, source_masks, return_attention_scores=False):
        found = run(
            self.attention,
            anchor,
            sources,
            source_masks,
            return_attention_scores=return_attention_scores,
        )
        found, attention = found if return_attention_scores else (found, None)
        return (anchor + found, attention) if return_attention_scores else anchor + found

    def compute_output_spec(self, anchor, sources, source_masks, return_attention_scores=False):
        output = keras.KerasTensor(anchor.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, {
            name: keras.KerasTensor((*anchor.shape[:2], source.shape[1]), dtype="float32")
            for name, source in sources.items()
        }

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "form": self.form}
