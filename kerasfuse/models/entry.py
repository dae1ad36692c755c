"""The entry of a model of sequences: named inputs, their masks, and one embedding each."""

import keras

from kerasfuse.layers import AbsentAsZeros, Dropout, MaskedConv1D, PaddingMask, SinusoidalPositions


def check_modalities(modalities, ids=()):
    """Return `modalities` as a dict of name to width.

    Args:
        modalities: dict of name to width.
        ids: names of the modalities whose width must be `None`, as they are integer ids.

    Raises:
        ValueError: for fewer than two modalities, or a width that is not a positive integer.
    """
    widths = dict(modalities)
    for name in ids:
        if widths.get(name, 0) is not None:
            raise ValueError(
                f"expected `modalities` to give {name!r} the width None, as an encoder reads its "
                f"integer ids. Received: {modalities!r}"
            )
    numbers = [w for name, w in widths.items() if name not in ids]
    if len(widths) < 2 or not all(isinstance(w, int) and w > 0 for w in numbers):
        raise ValueError(
            "expected `modalities` to map at least two names to feature widths, such as "
            f"{{'text': 300, 'audio': 74}}. Received: {modalities!r}"
        )
    return widths


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
        Three dicts by modality name: inputs and tensors `(batch, steps, width)`, integer ids
        `(batch, steps)` where the width is `None`, and masks `(batch, steps)`.
    """
    inputs = {
        name: keras.Input((None,), name=name, dtype="int32", optional=True)
        if width is None
        else keras.Input((None, width), name=name, optional=True)
        for name, width in modalities.items()
    }
    present = AbsentAsZeros(modalities, name="present")(inputs)
    masks = {name: PaddingMask(name=f"{name}_mask")(present[name]) for name in modalities}
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
