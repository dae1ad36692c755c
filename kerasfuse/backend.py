"""The one file that knows which backend runs."""

import keras
from keras import ops


def name():
    """Return the name of the backend that runs, for the record of how a result was made."""
    return keras.config.backend()


def child_environment():
    """Return the environment variables that give a child process this backend, on one thread."""
    threads = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {"KERAS_BACKEND": name(), **dict.fromkeys(threads, "1")}


def fixes_shapes_from_two_batches():
    """Whether the trainer takes the shapes of a whole data set from its first two batches."""
    return name() == "tensorflow"


def pad_heads_for_fused_kernel(x):
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


def _is_torch_on_gpu():
    if name() != "torch":
        return False
    import torch

    return torch.cuda.is_available()
