"""The encoders of a fusion model: any layers, each of one modality, from an input to a vector."""

import inspect

import keras

from kerasfuse import layers
from kerasfuse.models.parts.inputs import check_modalities, inputs_and_masks
from kerasfuse.nearest_names import nearest


def encode(modalities, encoders):
    """Build the inputs of a fusion model and the vector of each modality.

    Args:
        modalities: dict of modality name to feature width, to the shape of an image, or to `None`
            for token ids.
        encoders: dict of modality name to a `keras.layers.Layer` or model that makes a vector of
            its input, called with the `mask` of real steps if its `call` has such an argument; or,
            as in a toml file, to a dict of `class`, the name of a layer of `kerasfuse.layers`, and
            its arguments.

    Returns:
        Four dicts by modality name: sizes, layers, symbolic inputs, vectors `(batch, width)`.

    Raises:
        ValueError: for names that are not those of the modalities, a layer that encodes two of
            them, and an encoder whose output is no vector.
    """
    if isinstance(encoders, dict):
        # Toml has no word for the width of token ids.
        modalities = dict(modalities) | {
            name: None
            for name, encoder in encoders.items()
            if name not in modalities and _reads_ids(encoder)
        }
    ids = [name for name, size in dict(modalities).items() if size is None]
    sizes = check_modalities(modalities, ids=ids, images=True, least=1)
    if not isinstance(encoders, dict) or set(encoders) != set(sizes):
        received = sorted(encoders) if isinstance(encoders, dict) else encoders
        raise ValueError(
            f"expected an encoder for each of {list(sizes)}. Received: encoders of {received!r}"
        )
    made = {m: _as_layer(m, encoders[m]) for m in sizes}
    if len({id(layer) for layer in made.values()}) < len(made):
        raise ValueError(
            "expected an encoder of its own for each modality. Received: one layer for two of them"
        )
    inputs, present, masks = inputs_and_masks(sizes)
    vectors = {}
    for m, layer in made.items():
        takes_mask = (
            not isinstance(layer, keras.Model)
            and "mask" in inspect.signature(layer.call).parameters
        )
        masked = {"mask": masks[m]} if takes_mask and m in masks else {}
        vectors[m] = layer(present[m], **masked)
        if len(vectors[m].shape) != 2 or vectors[m].shape[1] is None:
            raise ValueError(
                f"expected the encoder of {m!r} to end in a vector (batch, width): pool it, by "
                f"keras.layers.GlobalAveragePooling2D for example. Received: {vectors[m].shape}"
            )
    return sizes, made, inputs, vectors


def _reads_ids(encoder):
    if isinstance(encoder, dict):
        return "AdaptedTextEncoder" in (encoder.get("class"), encoder.get("class_name"))
    return isinstance(encoder, layers.AdaptedTextEncoder)


def encoder_configs(encoders):
    """Return encoders in the form that a config keeps, and that `encode` takes."""
    return {m: keras.saving.serialize_keras_object(layer) for m, layer in encoders.items()}


def _as_layer(modality, encoder):
    if isinstance(encoder, keras.layers.Layer):
        return encoder
    if not isinstance(encoder, dict):
        raise ValueError(
            f"expected a Keras layer as the encoder of {modality!r}, or a dict of its class and "
            f"arguments. Received: {encoder!r}"
        )
    if "class_name" in encoder:
        return keras.saving.deserialize_keras_object(encoder)
    arguments = dict(encoder)
    name = arguments.pop("class", None)
    if name not in layers.__all__:
        raise ValueError(
            "expected the name of a layer of kerasfuse.layers as the class of the encoder of "
            f"{modality!r}. Received: class={name!r}. {nearest(name, layers.__all__)}"
        )
    return getattr(layers, name)(**arguments, name=f"{modality}_encoder")
