"""The entry of a model of sequences: named inputs, their masks, and one embedding each."""

import keras

from kerasfuse.layers import (
    AbsentAsZeros,
    CTCAligner,
    Dropout,
    MaskedConv1D,
    PaddingMask,
    SinusoidalPositions,
)

_ONE = ". One modality is enough for LFLSTM, EFLSTM, TFN, LMF, LateFusion and EarlyFusion"


def check_modalities(modalities, ids=(), images=False, least=2):
    """Return `modalities` as a dict of name to width, or to `[height, width, channels]`.

    Args:
        modalities: dict or list of pairs.
        ids: names of the modalities whose width must be `None`, as they are integer ids.
        images: whether modalities may be images.
        least: how many modalities the model needs; a model of one is a row of every paper's table.

    Raises:
        ValueError: for fewer modalities, or a size that is not a positive integer.
    """
    sizes = {
        name: list(size) if images and isinstance(size, (list, tuple)) else size
        for name, size in dict(modalities).items()
    }
    for name in ids:
        if sizes.get(name, 0) is not None:
            raise ValueError(
                f"expected `modalities` to give {name!r} the width None, as an encoder reads its "
                f"integer ids. Received: {modalities!r}"
            )
    numbers = [
        number
        for name, size in sizes.items()
        if name not in ids
        for number in (size if _is_image(size) else [size])
    ]
    if len(sizes) < least or not all(isinstance(w, int) and w > 0 for w in numbers):
        image = ", or of images to (height, width, channels)" if images else ""
        raise ValueError(
            f"expected `modalities` to map at least {'two names' if least == 2 else 'one name'} to "
            f"feature widths, such as {{'text': 300, 'audio': 74}}{image}. "
            f"Received: {modalities!r}{_ONE if len(sizes) == 1 and least > 1 else ''}"
        )
    return sizes


def _is_image(size):
    return isinstance(size, list) and len(size) == 3


def _shape(size):
    return (None,) if size is None else size if _is_image(size) else (None, size)


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


def check_averaged(modalities, averaged):
    """Raise a ValueError unless `averaged` names some of the modalities, or none."""
    if not isinstance(averaged, list | tuple) or not set(averaged) <= set(modalities):
        raise ValueError(
            f"expected `averaged` to be a list of some of {list(modalities)}. "
            f"Received: averaged={averaged!r}"
        )


def per_modality(modalities, value, argument):
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


def inputs_and_masks(modalities, aligned=False):
    """Create the symbolic inputs, the same with absent ones filled in, and the masks of real steps.

    Args:
        modalities: dict of modality name to feature width, or to `None` for integer ids.
        aligned: whether the modalities share their steps.

    Returns:
        Three dicts by modality name: inputs and tensors, `(batch, steps, width)`, `(batch, steps)`
        or `(batch, height, width, channels)`, and masks `(batch, steps)`, of sequences only.
    """
    inputs = {
        name: keras.Input(
            _shape(size), dtype="int32" if size is None else None, name=name, optional=True
        )
        for name, size in modalities.items()
    }
    present = AbsentAsZeros(modalities, aligned, name="present")(inputs)
    masks = {
        name: PaddingMask(name=f"{name}_mask")(present[name])
        for name, size in modalities.items()
        if not _is_image(size)
    }
    return inputs, present, masks


def word_aligned(modalities, align_to, align_steps, align_weight):
    """Create inputs and masks as `inputs_and_masks` does, of sequences that share their steps.

    Args:
        modalities: dict of modality name to feature width.
        align_to: `None` where inputs are aligned; or name of the modality, in words for instance,
            whose steps a `CTCAligner` gives to each of the others.
        align_steps: the most steps of that modality.
        align_weight: weight of the aligners' loss, averaged over them.

    Raises:
        ValueError: for a modality that is not there.
    """
    if align_to is not None and align_to not in modalities:
        raise ValueError(
            f"expected `align_to` to be one of {list(modalities)}, or None for sequences that are "
            f"aligned. Received: align_to={align_to!r}"
        )
    inputs, x, masks = inputs_and_masks(modalities, aligned=align_to is None)
    others = [m for m in modalities if m != align_to] if align_to is not None else []
    for m in others:
        align = CTCAligner(align_steps, align_weight / len(others), name=f"{m}_aligner")
        x[m] = align(x[m], target_mask=masks[align_to], mask=masks[m])
        masks[m] = PaddingMask(name=f"{m}_aligned_mask")(x[m])
    return inputs, x, masks


def project(x, mask, name, dim, kernel_size, dropout):
    """Dropout on the raw features, then the masked convolution to width `dim`."""
    if dropout:
        x = Dropout(dropout, name=f"{name}_input_dropout")(x)
    return MaskedConv1D(dim, kernel_size, name=f"{name}_projection")(x, mask=mask)


def embed_positions(x, mask, name, dropout):
    """Scale, add positions, drop: the embedding that the crossmodal blocks start from."""
    x = SinusoidalPositions(name=f"{name}_positions")(x, mask=mask)
    return Dropout(dropout, name=f"{name}_embedding_dropout")(x)
