"""The entry of a model of sequences: named inputs, their masks, and one embedding each."""

import keras

from kerasfuse.layers import AbsentAsZeros, Dropout, MaskedConv1D, PaddingMask, SinusoidalPositions


def check_modalities(modalities, images=False):
    """Return `modalities` as a dict of name to width, or to `[height, width, channels]`.

    Args:
        modalities: dict or list of pairs.
        images: whether modalities may be images.

    Raises:
        ValueError: for fewer than two modalities, or a size that is not a positive integer.
    """
    sizes = {
        name: list(size) if images and isinstance(size, (list, tuple)) else size
        for name, size in dict(modalities).items()
    }
    flat = [number for size in sizes.values() for number in (size if _is_image(size) else [size])]
    if len(sizes) < 2 or not all(isinstance(w, int) and w > 0 for w in flat):
        image = ", or of images to (height, width, channels)" if images else ""
        raise ValueError(
            "expected `modalities` to map at least two names to feature widths, such as "
            f"{{'text': 300, 'audio': 74}}{image}. Received: {modalities!r}"
        )
    return sizes


def _is_image(size):
    return isinstance(size, list) and len(size) == 3


def check_pair(modalities, first, argument):
    """Return two modalities, `first` leading; `None` for the first named.

    Raises:
        ValueError: for another number than two, or a name that is not among them.
    """
    first = next(iter(modalities)) if first is None else first
    if len(modalities) != 2 or first not in modalities:
        raise ValueError(
            f"expected two modalities, and `{argument}` to name one of them. "
            f"Received: {list(modalities)}, {argument}={first!r}"
        )
    return first, next(m for m in modalities if m != first)


def check_layers(num_layers):
    """Raise a ValueError unless there is a whole number of layers, one or more."""
    if not isinstance(num_layers, int) or num_layers < 1:
        raise ValueError(
            "expected `num_layers` to be a whole number from 1. "
            f"Received: num_layers={num_layers!r}"
        )


def for_each(modalities, value, argument):
    """Spread one value over the modalities, or check a dict that gives one to each.

    Raises:
        ValueError: when the dict's names are not those of the modalities.
    """
    if not isinstance(value, dict):
        return dict.fromkeys(modalities, value)
    if set(value) != set(modalities):
        raise ValueError(
            f"expected `{argument}` to be one value or a dict over {list(modalities)}. "
            f"Received: {value!r}"
        )
    return value


def inputs_and_masks(modalities):
    """Create the symbolic inputs, the same with absent ones filled in, and the masks of real steps.

    Returns:
        Three dicts by modality name: inputs and tensors, `(batch, steps, width)` or `(batch,
        height, width, channels)`, and masks `(batch, steps)`, of sequences only.
    """
    inputs = {
        name: keras.Input(size if _is_image(size) else (None, size), name=name, optional=True)
        for name, size in modalities.items()
    }
    present = AbsentAsZeros(modalities, name="present")(inputs)
    masks = {
        name: PaddingMask(name=f"{name}_mask")(present[name])
        for name, size in modalities.items()
        if not _is_image(size)
    }
    return inputs, present, masks


def project(x, mask, name, dim, kernel_size, dropout):
    """Dropout on the raw features, then the masked convolution to width `dim`."""
    if dropout:
        x = Dropout(dropout, name=f"{name}_input_dropout")(x)
    return MaskedConv1D(dim, kernel_size, name=f"{name}_projection")(x, mask=mask)


def place(x, mask, name, dropout):
    """Scale, add positions, drop: the embedding that the crossmodal blocks start from."""
    x = SinusoidalPositions(name=f"{name}_positions")(x, mask=mask)
    return Dropout(dropout, name=f"{name}_embedding_dropout")(x)
