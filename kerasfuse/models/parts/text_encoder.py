"""A text encoder as the front of a model."""

import keras
from keras import ops

from kerasfuse.layers import AdaptedTextEncoder, LeftJustify
from kerasfuse.optional_packages import require

# Given anew to each copy, or nothing that decides what it computes.
_NO_HYPERPARAMETERS = ("name", "trainable", "dtype")


def make_text_encoder(text_encoder):
    """Return a text encoder, and its hyper-parameters as a dict that toml can hold.

    Args:
        text_encoder: a backbone of keras-hub, an `AdaptedTextEncoder`, or a dict of `class`, the
            name of a class of `keras_hub.models`, and its arguments. From such a dict weights are
            random and nothing is fetched. With `class="AdaptedTextEncoder"` they are those of its
            preset.

    Raises:
        ImportError: when keras-hub is needed and not there.
        ValueError: for a class that keras-hub does not have.
    """
    if isinstance(text_encoder, AdaptedTextEncoder):
        return text_encoder, adapter_table(text_encoder)
    if not isinstance(text_encoder, dict):
        config = text_encoder.get_config()
        kept = {key: config[key] for key in config if key not in _NO_HYPERPARAMETERS}
        return text_encoder, {"class": type(text_encoder).__name__, **kept}
    name = text_encoder.get("class")
    arguments = {key: value for key, value in text_encoder.items() if key != "class"}
    if name == "AdaptedTextEncoder":
        return AdaptedTextEncoder(name="text_encoder", **arguments), dict(text_encoder)
    keras_hub = require("keras_hub", "text encoders", "text", package="keras-hub")
    found = getattr(keras_hub.models, str(name), None)
    if not (isinstance(found, type) and issubclass(found, keras_hub.models.Backbone)):
        raise ValueError(
            "expected `text_encoder` to name a backbone of keras_hub.models, such as "
            f"class='BertBackbone'. Received: class={name!r}"
        )
    return found(**arguments), dict(text_encoder)


def adapter_table(encoder):
    """Return an `AdaptedTextEncoder` as a dict of its class and arguments that toml can hold."""
    config = encoder.get_config()
    kept = {key: config[key] for key in ("preset", "rank", "dropout", "sha256")}
    return {"class": "AdaptedTextEncoder", **{k: v for k, v in kept.items() if v is not None}}


def with_token_ids(modalities):
    """Return modalities with one of token ids, and a list of its name.

    Where none has the width `None`, as toml cannot say, it is `"text"`, before the others.

    Raises:
        ValueError: for several of them.
    """
    modalities = dict(modalities)
    if None not in modalities.values():
        modalities = {"text": None} | {m: w for m, w in modalities.items() if m != "text"}
    words = [m for m, width in modalities.items() if width is None]
    if len(words) > 1:
        raise ValueError(
            f"expected one modality of token ids, of width None. Received: {modalities!r}"
        )
    return modalities, words


def encode_text(backbone, ids, mask):
    """Encode integer ids: `(batch, steps)` to `(batch, steps, width)` and a mask.

    Ids are moved so that the first real one stands first, as backbones count places from there.
    That first step, BERT's [CLS], is taken for real even where the text is absent.

    Returns:
        Tensor `(batch, steps, width)` and boolean `(batch, steps)`.
    """
    if isinstance(backbone, AdaptedTextEncoder):
        return backbone(ids)
    ids = LeftJustify(name="text_ids")(ids, mask=mask)
    first = ops.ones_like(mask[:, :1])
    mask = ops.concatenate([first, ops.not_equal(ids[:, 1:], 0)], axis=1)
    values = {
        "token_ids": ids,
        "padding_mask": ops.cast(mask, "int32"),
        "segment_ids": ops.zeros_like(ids),
    }
    encoder = without_pooler(backbone)
    return encoder({name: values[name] for name in backbone.input}), mask


def without_pooler(backbone):
    """Return a backbone up to its sequence output: BERT's pooler would get no gradient."""
    output = backbone.output
    output = output["sequence_output"] if isinstance(output, dict) else output
    return keras.Model(backbone.input, output, name="text_encoder")
