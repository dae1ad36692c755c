"""AdaptedTextEncoder: a pretrained encoder of text that is tuned by few weights."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sequence.left_justify import LeftJustify
from kerasfuse.layers.sequence.masked_pooling import MaskedPooling


@keras.saving.register_keras_serializable("kerasfuse")
class AdaptedTextEncoder(keras.layers.Layer):
    """Encode token ids by a frozen BERT whose queries and values get low-rank terms.

        q = W_q z + B_q A_q z,      k = W_k z,      v = W_v z + B_v A_v z

    in each of its layers, of all heads together. W are the weights of the BERT; A is
    `(width, rank)` and B `(rank, width)`. B starts at 0, where the encoder is the pretrained one.
    Only A and B are weights of this layer: a file of its weights holds nothing of the BERT, which
    is read from its preset when the layer is made.

    Reference: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, section
    4, with alpha = rank. Ours, because the adapters of Keras' `enable_lora` are merged into the
    full weights when these are saved.

    Args:
        preset: see `kerasfuse.text.TextEncoder`; of a BERT.
        rank: of the terms.
        dropout: rate on what attention and feed-forward add to each layer, in training.
        sha256: refuse a preset whose sha256 is another; see `TextEncoder.sha256`.
        pooling: a mode of `MaskedPooling`, to make one vector of a text; `None` for its steps.

    Call arguments:
        inputs: integer tensor `(batch, steps)` of ids, the special tokens among them. 0 is padding,
            on either side.

    Returns:
        Tensor `(batch, steps, width)`, with the real steps in front, and boolean `(batch, steps)`,
        `True` at them. The first step is taken for real even where a text is absent. With `pooling`
        a tensor `(batch, width)`, zeros where a text is absent.

    Raises:
        ImportError: without keras-hub.
        FileNotFoundError: where the package with the preset's files is not installed.
        ValueError: for a preset that cannot be had, is no BERT, or has another sha256.

    Example:

    >>> encode = AdaptedTextEncoder("all-MiniLM-L6-v2", rank=8)  # doctest: +SKIP
    >>> z, mask = encode(np.array([[101, 2307, 3185, 102]]))     # doctest: +SKIP
    >>> z.shape                                                  # doctest: +SKIP
    (1, 4, 384)
    """

    def __init__(
        self,
        preset="all-MiniLM-L6-v2",
        rank=8,
        dropout=0.1,
        sha256=None,
        pooling=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(rank, int) or rank < 1:
            raise ValueError(f"expected rank to be a whole number from 1. Received: rank={rank!r}")
        self.preset = str(preset)
        self.rank = rank
        self.dropout = dropout
        self.sha256 = sha256
        self.pooling = pooling
        # Out of sight of Keras: not among the weights, and not in a file of them.
        self._frozen = _Hidden(frozen_bert(self.preset, sha256))

    def bert(self):
        """Return the BERT of keras-hub. As an attribute Keras would save its weights."""
        return self._frozen.value

    def build(self, inputs_shape):
        policy, width = self.dtype_policy, self.bert().hidden_dim
        self.left = LeftJustify(name="left", dtype=policy)
        self.drop = Dropout(self.dropout, name="drop", dtype=policy)
        if self.pooling is not None:
            self.pool = MaskedPooling(self.pooling, name="pool", dtype=policy)
            self.pool.build((None, None, width))
        # Of layer i: 2 i for queries, 2 i + 1 for values.
        self.downs, self.ups = [], []
        for i in range(self.bert().num_layers):
            for part in ("query", "value"):
                down = keras.layers.Dense(
                    self.rank, use_bias=False, name=f"down_{part}_{i}", dtype=policy
                )
                up = keras.layers.Dense(
                    width,
                    use_bias=False,
                    kernel_initializer="zeros",
                    name=f"up_{part}_{i}",
                    dtype=policy,
                )
                down.build((None, None, width))
                up.build((None, None, self.rank))
                self.downs.append(down)
                self.ups.append(up)

    def call(self, inputs, training=None):
        ids, mask = self.justified(inputs)
        z = self.embedded(ids)
        for i in range(self.bert().num_layers):
            z = self.layer(i, z, mask, training=training)
        if self.pooling is None:
            return z, mask
        return self.pool(z, mask=ops.not_equal(ids, 0))

    def justified(self, ids):
        """Return ids with the real ones in front, and the mask of these."""
        ids = self.left(ids, mask=ops.not_equal(ids, 0))
        first = ops.ones_like(ids[:, :1], dtype="bool")
        return ids, ops.concatenate([first, ops.not_equal(ids[:, 1:], 0)], axis=1)

    def embedded(self, ids):
        """Return what the first layer reads, `(batch, steps, width)`.

        Raises:
            ValueError: for more steps than the encoder has places.
        """
        bert = self.bert()
        if (ids.shape[1] or 0) > bert.max_sequence_length:
            raise ValueError(
                f"expected texts of at most {bert.max_sequence_length} pieces, the places of the "
                f"encoder. Received: {ids.shape[1]}. Cut them into several samples."
            )
        tokens = bert.token_embedding(ids)
        z = bert.embeddings_add(
            (tokens, bert.position_embedding(tokens), bert.segment_embedding(0 * ids))
        )
        return ops.cast(bert.embeddings_layer_norm(z), self.compute_dtype)

    def layer(self, i, z, mask, training=None):
        """Return what layer i, with its terms, makes of a sequence `(batch, steps, width)`."""
        bert = self.bert().transformer_layers[i]
        # The BERT may compute in another type than this layer.
        z = ops.cast(z, bert.compute_dtype)
        attention = bert._self_attention_layer
        q = self._adapted(2 * i, attention.query_dense, z)
        v = self._adapted(2 * i + 1, attention.value_dense, z)
        h = ops.dot_product_attention(
            q, attention.key_dense(z), v, mask=mask[:, None, None, :], flash_attention=False
        )
        h = self.drop(attention.output_dense(h), training=training)
        h = bert._self_attention_layer_norm(z + ops.cast(h, z.dtype))
        z = bert._feedforward_output_dense(bert._feedforward_intermediate_dense(h))
        z = self.drop(z, training=training)
        z = bert._feedforward_layer_norm(h + ops.cast(z, h.dtype))
        return ops.cast(z, self.compute_dtype)

    def _adapted(self, place, frozen, z):
        x = frozen(z)
        term = ops.reshape(self.ups[place](self.downs[place](z)), ops.shape(x))
        return x + ops.cast(term, x.dtype)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_spec(self, inputs, training=None):
        batch, steps = inputs.shape
        width, dtype = self.bert().hidden_dim, self.compute_dtype
        if self.pooling is not None:
            return keras.KerasTensor((batch, width), dtype=dtype)
        z = keras.KerasTensor((batch, steps, width), dtype=dtype)
        return z, keras.KerasTensor(inputs.shape, dtype="bool")

    def get_config(self):
        config = {
            "preset": self.preset,
            "rank": self.rank,
            "dropout": self.dropout,
            "sha256": self.sha256,
            "pooling": self.pooling,
        }
        return {**super().get_config(), **config}


class _Hidden:
    """Hold what Keras shall not track."""

    def __init__(self, value):
        self.value = value


_BERTS = {}


def frozen_bert(preset, sha256=None):
    """Return the BERT of a preset, frozen, once a process: whoever tunes it shares its weights.

    Args:
        preset: see `kerasfuse.text.TextEncoder`.
        sha256: what it must have.

    Raises:
        ValueError: for a backbone that is no BERT, and for another sha256.
    """
    # Here, so that layers can be imported without what the cache of text vectors needs.
    from kerasfuse.text import presets

    key = (preset, presets.stamp(preset), keras.mixed_precision.dtype_policy().name)
    if key not in _BERTS:
        with backend.with_memory():
            backbone, tokenizer = presets.load(preset)
            sha256_of = presets.fingerprint(backbone, tokenizer)
        if not hasattr(backbone, "transformer_layers") or not hasattr(
            backbone, "segment_embedding"
        ):
            raise ValueError(
                "expected a preset of a BERT, whose layers can be adapted one by one. Received: "
                f"{preset!r}, a {type(backbone).__name__}"
            )
        backbone.trainable = False
        _BERTS[key] = backbone, sha256_of
    backbone, found = _BERTS[key]
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"expected a text encoder with the sha256 {sha256}, the one that the weights were "
            f"trained with. Received: {preset!r}, whose sha256 is {found}."
        )
    return backbone
