"""How much a model multiplies for one sample."""

import contextlib

import keras
import numpy as np
from keras import ops

from kerasfuse import layers
from kerasfuse.layers.sublayer import watched_calls


def multiply_adds(model, steps):
    """Count the multiplications, each with an addition, that a model needs for one sample.

    The model is called once on a sample of the given lengths, without padding, and each layer that
    is called on the way adds what its formula says of the shapes it sees:

        Dense                     rows x fan_in x fan_out
        EinsumDense               product of all axes of its equation
        Conv1D, Conv2D            output positions x kernel x channels_in / groups x channels_out
        LSTM, GRU                 steps x gates x units x (fan_in + units), gates 4 and 3
        attention                 2 x steps x source steps x width, beside its Dense layers
        tensor and low-rank       one an entry, at each product of two modalities
        CTC aligner               frames x words x width, beside its LSTM

    Sums, norms, activations, look-ups and elementwise products of equal shapes are not counted, as
    is usual: they are smaller by a factor of the width.

    Args:
        model: a model over named modalities, such as those of `kerasfuse.models`.
        steps: dict of modality name to number of steps; images have none.

    Returns:
        An integer.

    Raises:
        ValueError: for names that are not those of the modalities, and for a layer with matrices
            whose formula is not known.

    Example:

    >>> model = kerasfuse.models.LFLSTM({"text": 300, "audio": 5, "vision": 20})
    >>> multiply_adds(model, {"text": 50, "audio": 375, "vision": 500})
    """
    images = {m: size for m, size in model.modalities.items() if not isinstance(size, int | None)}
    if set(steps) != set(model.modalities) - set(images):
        raise ValueError(
            f"expected a number of steps for each sequence among {list(model.modalities)}. "
            f"Received: steps={steps!r}"
        )
    sample = {name: np.ones((1, *size), "float32") for name, size in images.items()}
    for name, count in steps.items():
        width = model.modalities[name]
        sample[name] = (
            np.ones((1, count), "int32") if width is None else np.ones((1, count, width), "float32")
        )
    with _recorded_calls() as calls:
        model({name: ops.convert_to_tensor(x) for name, x in sample.items()}, training=False)
    return sum(_count(*call) for call in calls)


@contextlib.contextmanager
def _recorded_calls():
    """Record `(layer, inputs, outputs)` of every call of a layer that is known, in order."""
    calls, inside = [], []
    plain = keras.layers.Layer.__call__

    def recording(layer, *args, **kwargs):
        # What a layer with a formula of the whole does within itself is part of the formula.
        if inside:
            return plain(layer, *args, **kwargs)
        whole = isinstance(layer, _WHOLE)
        inside.extend([layer] if whole else [])
        try:
            outputs = plain(layer, *args, **kwargs)
        finally:
            del inside[:]
        if isinstance(layer, tuple(_FORMULAS)):
            calls.append((layer, [*args, *kwargs.values()], outputs))
        else:
            _check_known(layer)
        return outputs

    keras.layers.Layer.__call__ = recording
    try:
        with watched_calls():
            yield calls
    finally:
        keras.layers.Layer.__call__ = plain


def _check_known(layer):
    own = {id(variable) for variable in layer.variables}
    own -= {id(v) for child in layer._flatten_layers(include_self=False) for v in child.variables}
    matrices = [v for v in layer.trainable_variables if id(v) in own and len(v.shape) > 1]
    if matrices and not isinstance(layer, _FREE):
        raise ValueError(
            "expected layers whose multiply-adds are known. "
            f"Received: {layer.name!r}, a {type(layer).__name__} with the matrix "
            f"{matrices[0].path!r}. Add its formula to kerasfuse/analysis/multiply_adds.py."
        )


def _count(layer, inputs, outputs):
    formula = next(found for cls, found in _FORMULAS.items() if isinstance(layer, cls))
    return int(formula(layer, inputs, outputs))


def _size(x):
    return int(np.prod([int(size) for size in x.shape]))


def _dense(layer, inputs, outputs):
    return _size(outputs) * layer.kernel.shape[0]


def _einsum_dense(layer, inputs, outputs):
    left, right = layer.equation.split("->")[0].split(",")
    sizes = dict(zip(left.replace("...", ""), _trailing(inputs[0], left), strict=True))
    sizes |= dict(zip(right, layer.kernel.shape, strict=True))
    whole = _size(inputs[0]) // int(np.prod(_trailing(inputs[0], left))) if "..." in left else 1
    return whole * int(np.prod(list(sizes.values())))


def _trailing(x, axes):
    return x.shape[-len(axes.replace("...", "")) :]


def _convolution(layer, inputs, outputs):
    *window, fan_in, fan_out = layer.kernel.shape
    return _size(outputs) // fan_out * int(np.prod(window)) * fan_in * fan_out


def _recurrence(gates, stack):
    """Give the formula of a layer whose `stack(layer)` lists recurrent layers."""

    def count(layer, inputs, outputs):
        steps = inputs[0].shape[1]
        return steps * sum(
            gates * x.units * (int(x.cell.kernel.shape[0]) + x.units) for x in stack(layer)
        )

    return count


def _attention(layer, inputs, outputs):
    # Its own four products, and those of every query with every key and of scores with values.
    query, source = inputs[:2]
    width, target_steps, source_steps = query.shape[-1], query.shape[1], source.shape[1]
    dense = 2 * target_steps * width**2 + 2 * source_steps * source.shape[-1] * width
    return dense + 2 * target_steps * source_steps * width


def _multi_cross_attention(layer, inputs, outputs):
    # Beside its Dense layers, which are counted as such.
    query, sources = inputs[:2]
    source_steps = sum(x.shape[1] for x in sources.values())
    return 2 * query.shape[1] * source_steps * layer.query_projection.units


def _tensor_fusion(layer, inputs, outputs):
    size = inputs[0][0].shape[-1] + 1
    total = 0
    for x in inputs[0][1:]:
        size *= x.shape[-1] + 1
        total += size
    return total


def _low_rank_fusion(layer, inputs, outputs):
    columns = layer.rank * layer.units
    dense = sum(x.shape[-1] * columns for x in inputs[0])
    return dense + (len(inputs[0]) - 1) * columns + columns


def _merge_gate(layer, inputs, outputs):
    sources, width = len(inputs[0]), inputs[0][0].shape[-1]
    return inputs[0][0].shape[1] * sources * (sources - 1) * width**2


def _ctc_aligner(layer, inputs, outputs):
    _, frames, width = inputs[0].shape
    lstm = _recurrence(4, lambda aligner: aligner.lstm.lstms)(layer, inputs, outputs)
    return lstm + frames * layer.steps * width


# In order: the first class that a layer is an instance of.
_FORMULAS = {
    layers.CrossmodalAttention: _attention,
    layers.CTCAligner: _ctc_aligner,
    layers.MultiCrossAttention: _multi_cross_attention,
    layers.MaskedGRU: _recurrence(3, lambda layer: layer.grus),
    layers.MaskedLSTM: _recurrence(4, lambda layer: layer.lstms),
    layers.TensorFusion: _tensor_fusion,
    layers.LowRankFusion: _low_rank_fusion,
    layers.MergeGate: _merge_gate,
    keras.layers.GRU: _recurrence(3, lambda layer: [layer]),
    keras.layers.LSTM: _recurrence(4, lambda layer: [layer]),
    keras.layers.EinsumDense: _einsum_dense,
    keras.layers.Conv1D: _convolution,
    keras.layers.Conv2D: _convolution,
    keras.layers.Dense: _dense,
}
# Their rows are looked up, or added, or are of use in training only.
_FREE = (
    keras.layers.Embedding,
    layers.LearnedPositions,
    layers.LearnedTokens,
    layers.ClassEntropy,
    layers.GaussianLikelihood,
)
# Their formulas hold what the layers inside them do.
_WHOLE = (
    layers.CrossmodalAttention,
    layers.CTCAligner,
    layers.MaskedGRU,
    layers.MaskedLSTM,
    keras.layers.RNN,
)
