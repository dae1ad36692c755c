"""Call a layer inside of another one."""

import contextlib

import keras

from kerasfuse import backend

_watched = []


def run(layer, *args, **kwargs):
    """Return what a built sublayer makes of tensors, without what Keras does around each call.

    Keras converts the inputs, resolves `training` and looks for masks, which takes longer than the
    work of a small layer: 80 microseconds where a product takes 5. Inside a layer all of that is
    done: its inputs are tensors of the compute dtype, its sublayers share its dtype policy, and
    `training` is passed on by name. A quantized layer, and any within `watched_calls`, is called
    the usual way. So is every layer on jax and tensorflow, which pay for it while they trace only.

    Args:
        layer: a built layer without losses of its own.
        *args, **kwargs: as its `call` takes them, `training` included.
    """
    if _is_called_as_usual(layer):
        return layer(*args, **kwargs)
    if type(layer) is keras.layers.Dense and layer.use_bias:
        return layer.activation(backend.dense(args[0], layer.kernel, layer.bias))
    if type(layer) is keras.layers.LayerNormalization and _is_plain(layer, args[0]):
        return backend.layer_norm(args[0], layer.gamma, layer.beta, layer.epsilon)
    return layer.call(*args, **kwargs)


def run_together(layers, x):
    """Return a list of what several `Dense` make of a tensor, on a GPU by one product.

    Args:
        layers: list of built `Dense` of one shape, with biases and without activations.
        x: tensor.
    """
    if any(_is_called_as_usual(layer) for layer in layers):
        return [layer(x) for layer in layers]
    return backend.dense_together(x, [d.kernel for d in layers], [d.bias for d in layers])


def _is_plain(norm, x):
    """Whether a layer norm scales and shifts the last axis of float32, as nearly all do."""
    plain = norm.scale and norm.center and not getattr(norm, "rms_scaling", False)
    return plain and norm.axis in (-1, [-1], [len(x.shape) - 1]) and norm.compute_dtype == "float32"


def _is_called_as_usual(layer):
    return _watched or backend.name() != "torch" or layer.quantization_mode is not None


def calls_are_watched():
    """Whether this is within `watched_calls`."""
    return bool(_watched)


@contextlib.contextmanager
def watched_calls():
    """Let every sublayer be called the usual way, for who watches the calls of layers."""
    _watched.append(True)
    try:
        yield
    finally:
        _watched.pop()
