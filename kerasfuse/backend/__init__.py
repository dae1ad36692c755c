"""The one file that asks which backend runs."""

import contextlib

import keras
from keras import ops


def name():
    """Return the name of the backend that runs, for the record of how a result was made."""
    return keras.config.backend()


def child_environment():
    """Return the environment variables that give a child process this backend, on one thread."""
    threads = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {"KERAS_BACKEND": name(), **dict.fromkeys(threads, "1")}


@contextlib.contextmanager
def without_memory():
    """Make the weights of what is built in the block sizes without values, where that can be.

    Yields:
        Whether it can: PyTorch has a device for it.
    """
    if name() != "torch":
        yield False
        return
    with keras.device("meta"):
        yield True


def fixes_shapes_from_two_batches():
    """Whether the trainer takes the shapes of a whole data set from its first two batches."""
    return name() == "tensorflow"


def dropout(x, rate, seed):
    """Return `keras.random.dropout(x, rate, seed=seed)`, faster on a processor under PyTorch."""
    if name() == "torch" and x.device.type == "cpu":
        from kerasfuse.backend import torch_cpu

        return torch_cpu.dropout(x, rate)
    return keras.random.dropout(x, rate, seed=seed)


def masked_recurrence(x, mask, layers):
    """Apply a stack of recurrent layers to the real steps of `(batch, steps, width)`.

    `layers` are `keras.layers.LSTM`, or `keras.layers.GRU` without biases, that return sequences.
    Steps that are not real are skipped, and are 0 in the result.
    """
    if name() == "torch" and not _is_torch_tracing():
        from kerasfuse.backend import torch_recurrence

        weights = [[weight.value for weight in layer.cell.weights] for layer in layers]
        is_lstm = isinstance(layers[0], keras.layers.LSTM)
        run = torch_recurrence.masked_lstm if is_lstm else torch_recurrence.masked_gru
        return run(x, mask, weights)
    for layer in layers:
        x = layer(x, mask=mask)
    return x if mask is None else x * ops.cast(mask, x.dtype)[:, :, None]


def assert_alike(sizes, message):
    """Stop a graph of tensorflow with `message` where sizes differ that it learns when it runs.

    Other backends know their sizes before, so that this does nothing there.
    """
    if name() == "tensorflow":
        import tensorflow

        for size in sizes[1:]:
            tensorflow.debugging.assert_equal(size, sizes[0], message=message)


def known_integer(x):
    """Return the integer tensor `x` as a number, `None` while a graph is traced that computes it.

    Where it is known, one branch of several can be called as if there were no other.
    """
    match name():
        case "jax":
            import jax

            traced = isinstance(x, jax.core.Tracer)
        case "tensorflow":
            traced = not hasattr(x, "numpy")
        case _:
            traced = False
    return None if traced else int(x)


def fused_attention(query, key, value, mask):
    """Attend, `(batch, steps, heads, head_dim)`, without ever holding all scores.

    `mask` is boolean and broadcasts to `(batch, heads, Tq, Tk)`, or `None`.
    """
    if name() == "torch":
        from kerasfuse.backend import torch_cpu

        if torch_cpu.runs_narrow_attention(query, mask):
            return torch_cpu.narrow_attention(query, key, value, mask)
    head_dim = query.shape[-1]
    query, key, value = (_pad_heads_for_fused_kernel(x) for x in (query, key, value))
    attended = ops.dot_product_attention(query, key, value, mask=mask, scale=head_dim**-0.5)
    return attended[..., :head_dim]


def _pad_heads_for_fused_kernel(x):
    """Widen the heads of `(batch, steps, heads, head_dim)` with zeros where the kernel needs it.

    PyTorch's fused kernels on a GPU take head widths that are multiples of 8 and fall back to a
    materialised attention matrix for others, such as the 5 of a 40-wide model with 8 heads. Zeros
    change neither the logits nor the first `head_dim` columns of the output. Elsewhere this is a
    no-op.
    """
    missing = -x.shape[-1] % 8
    if not missing or not _is_torch_on_gpu():
        return x
    return ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, missing]])


def _is_torch_tracing():
    import torch

    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _is_torch_on_gpu():
    if name() != "torch":
        return False
    import torch

    return torch.cuda.is_available()
