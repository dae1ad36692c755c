"""The one file that asks which backend runs."""

import contextlib
import os

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
def data_parallel():
    """Let several devices train one model in the block: with jax, those that this process sees,
    with PyTorch those of the processes that torchrun started.

    Yields:
        Number of devices, and what connects several processes, or `None`.

    Raises:
        ValueError: with a backend that has neither.
    """
    match name():
        case "torch":
            from kerasfuse.backend import torch_data_parallel

            with torch_data_parallel.processes() as group:
                yield (1 if group is None else group.ranks), group
        case "jax":
            from kerasfuse.backend import jax_data_parallel

            with jax_data_parallel.devices() as number:
                yield number, None
        case _:
            raise ValueError(
                "expected the backend jax or torch to train on several devices. Received: "
                f"{name()}. Set KERAS_BACKEND=jax, or KERAS_BACKEND=torch and start torchrun."
            )


def process_rank():
    """Return the number of this process among those that torchrun started; 0 where it is alone."""
    if name() != "torch" or int(os.environ.get("WORLD_SIZE", 1)) < 2:
        return 0
    return int(os.environ.get("RANK", 0))


def idle_devices():
    """Return how many more GPUs a training of one process could have under torchrun."""
    if name() != "torch":
        return 0
    import torch

    return max(0, torch.cuda.device_count() - 1)


def gathered(x):
    """Return the rows of the whole batch of a training step, where several processes share it.

    For what compares the samples of a batch. Elsewhere it is `x`, as it is with jax, whose programs
    are those of the whole batch on any number of devices.

    Args:
        x: tensor `(rows, ...)`, the same number of rows for each sample, or `None`.
    """
    if name() == "torch":
        from kerasfuse.backend import torch_data_parallel

        return torch_data_parallel.gathered(x)
    return x


def of_sum(x):
    """Return a sum over a batch; of a share of one, what has the sum as its mean over shares."""
    if name() == "torch":
        from kerasfuse.backend import torch_data_parallel

        return torch_data_parallel.of_sum(x)
    return x


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


@contextlib.contextmanager
def with_memory():
    """Give what is read from a file in the block its values, in a block `without_memory`, too."""
    if name() == "torch":
        from kerasfuse.backend import torch_device

        if torch_device.device_type(keras.ops.zeros(())) == "meta":
            with keras.device(torch_device.default()):
                yield
            return
    yield


def fixes_shapes_from_two_batches():
    """Whether the trainer takes the shapes of a whole data set from its first two batches."""
    return name() == "tensorflow"


def is_on_gpu(x):
    """Whether what is computed from the tensor `x` runs on a GPU."""
    match name():
        case "torch":
            from kerasfuse.backend import torch_device

            return torch_device.device_type(x) == "cuda"
        case "jax":
            import jax

            return jax.default_backend() == "gpu"
        case "tensorflow":
            import tensorflow

            return bool(tensorflow.config.list_physical_devices("GPU"))
    return False


def fed(data, shuffle=False):
    """Have a GPU under PyTorch fed while it computes, see `DeviceFeed`; change nothing elsewhere.

    Args:
        data: what a model reads. Data sets that no worker of Keras reads are wrapped.
        shuffle: see `DeviceFeed`.
    """
    if name() != "torch" or not isinstance(data, keras.utils.PyDataset):
        return data
    from kerasfuse.backend import torch_device

    if torch_device.default() != "cuda" or data.workers > 1 or data.use_multiprocessing:
        return data
    from kerasfuse.backend.torch_feed import DeviceFeed

    if isinstance(data, DeviceFeed) or data.num_batches is None:
        return data
    return DeviceFeed(data, shuffle)


def fed_in_fit(data, arguments):
    """Have `fit` fed: what it trains on and what it validates on; see `fed`.

    Args:
        data: its `x`.
        arguments: dict of its keyword arguments.

    Returns:
        Both, with what has to change.
    """
    found = fed(data, bool(arguments.get("shuffle", True)))
    if found is not data:
        arguments = arguments | {"shuffle": False}
    if "validation_data" in arguments:
        arguments = arguments | {"validation_data": fed(arguments["validation_data"])}
    return found, arguments


def block_entries(x, on_processor, on_gpu, bytes_an_entry):
    """Return how many entries of a large matrix to work on at once.

    A block suits the cache of a processor. A GPU wants it as large as can be, as it waits for the
    launch of a kernel longer than for a kernel of a small block. So does a program that PyTorch
    compiles, which has each block's work written out.

    Args:
        x: a tensor where the work is done.
        on_processor: entries of a block there.
        on_gpu: most entries of a block there; half of the memory that is free may limit it.
        bytes_an_entry: memory that one entry takes at most while a block is worked on.
    """
    if not is_on_gpu(x):
        return on_gpu if is_compiling() else on_processor
    free = _free_bytes(x)
    return on_gpu if free is None else max(on_processor, min(on_gpu, free // (2 * bytes_an_entry)))


def _free_bytes(x):
    """Return the memory that the GPU of `x` has left, `None` where the backend does not tell."""
    if name() == "torch":
        from kerasfuse.backend import torch_device

        return torch_device.free_bytes(x)
    if name() == "jax":
        import jax

        told = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in told:
            return told["bytes_limit"] - told.get("bytes_in_use", 0)
    return None


def search_steps(x):
    """Return how many steps a search over `x` makes; `None`: as many as it takes.

    To see whether it is over, the program has to wait for what a GPU found. Longer than most
    searches take is faster there. A program that PyTorch compiles cannot look at all.
    """
    return 24 if is_on_gpu(x) or is_compiling() else None


def value_at_rank(values, row_mask, column_mask, share):
    """Return the value of descending rank floor(share n) + 1 of the n valid entries of matrices.

    See `torch_selection.value_at_rank`. `None` where a search by counting is as fast.
    """
    if name() == "torch" and (is_on_gpu(values) or is_compiling()):
        from kerasfuse.backend import torch_selection

        return torch_selection.value_at_rank(values, row_mask, column_mask, share)
    return None


def above(x, level):
    """Return 1 where `x`, a float tensor without a gradient, is above `level`, and 0 elsewhere."""
    if name() == "torch" and not is_compiling():
        from kerasfuse.backend import torch_selection

        return torch_selection.above(x, level)
    # What a processor does in half the time of a comparison and its cast.
    return ops.relu(ops.sign(x - level))


def log_softmax_2(logits, shift):
    """Normalise logarithms to base 2 along the last axis, without a gradient.

    Args:
        logits: float tensor, whose memory may be written over.
        shift: what is added to the result; broadcastable to `(..., 1)`.

    Returns:
        `logits - n + shift` and n, the logarithm of the sum of their powers, `(..., 1)`.
    """
    if name() == "torch" and not is_compiling():
        from kerasfuse.backend import torch_selection

        return torch_selection.log_softmax_2(logits, shift)
    highest = ops.max(logits, axis=-1, keepdims=True)
    total = ops.sum(ops.exp2(logits - highest), axis=-1, keepdims=True)
    normaliser = highest + ops.log2(total)
    return logits + (shift - normaliser), normaliser


def without_gradients():
    """Return a context in which a model can be called and nothing is kept for gradients."""
    if name() == "torch":
        import torch

        return torch.no_grad()
    return contextlib.nullcontext()


def at_least(x, minimum):
    """Return `keras.ops.maximum(x, minimum)` for a number, without a copy of it to the GPU."""
    if name() == "torch":
        import torch

        if isinstance(x, torch.Tensor):
            return x.clamp_min(minimum)
    return ops.maximum(x, minimum)


def where(condition, x, y):
    """Return `keras.ops.where` of tensors and numbers, without a copy of these to the GPU."""
    if name() == "torch":
        import torch

        if all(isinstance(z, (torch.Tensor, float)) for z in (condition, x, y)):
            return torch.where(condition, x, y)
    return ops.where(condition, x, y)


def take(x, indices, axis):
    """Return `keras.ops.take` for a vector of indices none of which counts from the end."""
    return x.index_select(axis, indices) if name() == "torch" else ops.take(x, indices, axis=axis)


def take_along_axis(x, indices, axis):
    """Return `keras.ops.take_along_axis` for indices none of which counts from the end."""
    if name() == "torch":
        import torch

        return torch.take_along_dim(x, indices.long(), axis)
    return ops.take_along_axis(x, indices, axis=axis)


def once(function, mask, *arguments):
    """Return `function(mask, *arguments)`; see `torch_memo.once` for when it is not called."""
    if name() == "torch":
        from kerasfuse.backend import torch_memo

        return torch_memo.once(function, mask, *arguments)
    return function(mask, *arguments)


def dense(x, kernel, bias):
    """Return `x` times `kernel` plus `bias`, by one kernel under PyTorch."""
    if name() == "torch":
        from kerasfuse.backend import torch_kernels

        return torch_kernels.dense(x, *_tensors(kernel, bias))
    return ops.matmul(x, kernel) + bias


def layer_norm(x, scale, offset, epsilon):
    """Normalise the last axis by PyTorch's kernel, without what Keras does around it."""
    from kerasfuse.backend import torch_kernels

    return torch_kernels.layer_norm(x, *_tensors(scale, offset), epsilon)


def dense_together(x, kernels, biases):
    """Return a list of `x` times each of `kernels` plus its bias, likewise, of one shape."""
    if name() == "torch" and is_on_gpu(x):
        from kerasfuse.backend import torch_kernels

        return torch_kernels.dense_together(x, _tensors(*kernels), _tensors(*biases))
    return [ops.matmul(x, kernel) + bias for kernel, bias in zip(kernels, biases, strict=True)]


def _tensors(*variables):
    # Keras would look at each value for what it is.
    return [v.value if isinstance(v, keras.Variable) else v for v in variables]


def reshape(x, shape):
    """Return `keras.ops.reshape` of a tensor, which Keras looks at longer than it takes."""
    return x.reshape(shape) if name() == "torch" else ops.reshape(x, shape)


def put(x, row, piece):
    """Return `x` with `piece` in its rows from `row` on; where it can, in the memory of `x`."""
    if name() == "torch":
        x[row : row + piece.shape[0]] = piece
        return x
    return ops.slice_update(x, (row, *([0] * (len(x.shape) - 1))), piece)


def uniform(x, seed):
    """Draw a number in [0, 1), float32, for every entry of `x`; on a GPU without waiting for it."""
    if name() == "torch" and (is_on_gpu(x) or is_compiling()):
        from kerasfuse.backend import torch_random

        return torch_random.uniform(x, seed)
    return keras.random.uniform(ops.shape(x), seed=seed)


def builds_as_it_goes(model):
    """Whether the first step makes what a compiled model lacks, as nothing is traced before it."""
    return name() == "torch" and model.built and not model._should_torch_compile()


def compiles_calls(model):
    """Whether calls of a model run as `CompiledCalls`: where PyTorch was asked to compile."""
    if name() != "torch" or not model.jit_compile or _is_torch_tracing():
        return False
    # Within a scope tensors may have no values, or variables other ones.
    return not keras.src.backend.common.stateless_scope.in_stateless_scope()


def compiled_calls(model, call, layers):
    """Return `CompiledCalls`."""
    from kerasfuse.backend.torch_compilation import CompiledCalls

    return CompiledCalls(model, call, layers)


def keep_programs():
    """Let the backend keep what it compiles on disk, where it compiles whole programs."""
    if name() == "jax":
        from kerasfuse.backend import jax_compilation
        from kerasfuse.cache import cache_folder

        jax_compilation.keep_programs(cache_folder() / "jax")


def clip_at_once(optimizer):
    """Let a Keras optimizer clip by global norm in a few calls for all gradients, where it can.

    Optimizers inside of it do so too. Nothing else about it changes.
    """
    if name() != "torch":
        return
    from kerasfuse.backend import torch_clipping

    for inner in getattr(optimizer, "optimizers", ()):
        clip_at_once(inner)
    if hasattr(optimizer, "inner_optimizer"):
        clip_at_once(optimizer.inner_optimizer)
    elif hasattr(optimizer, "_clip_gradients"):
        optimizer._clip_gradients = torch_clipping.Clipping(optimizer)


def dropout(x, rate, seed):
    """Return `keras.random.dropout(x, rate, seed=seed)`, faster on a processor under PyTorch."""
    if name() == "torch":
        from kerasfuse.backend import torch_cpu, torch_device

        if torch_device.device_type(x) == "cpu":
            return torch_cpu.dropout(x, rate)
    return keras.random.dropout(x, rate, seed=seed)


def images(layer):
    """Return `torch_images.Images` for a layer that may use it, or `None` for the layers of Keras.

    A layer may that computes in float32 under PyTorch, unless its calls are traced for an export.
    """
    if name() != "torch" or layer.compute_dtype != "float32" or layer.variable_dtype != "float32":
        return None
    if _is_torch_tracing() or keras.src.backend.common.stateless_scope.in_stateless_scope():
        return None
    from kerasfuse.backend.torch_images import Images

    return Images()


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


def checked_alike(inputs, sizes, message):
    """Return the tensors of the dict `inputs`; stop a graph with `message` where `sizes` differ.

    Only a graph of tensorflow learns sizes when it runs. Whatever reads the tensors waits for the
    check, which operations without side effects otherwise overtake. Other backends know their
    sizes before, and this does nothing.
    """
    if name() != "tensorflow":
        return inputs
    import tensorflow

    checks = [
        tensorflow.debugging.assert_equal(size, sizes[0], message=message) for size in sizes[1:]
    ]
    with tensorflow.control_dependencies([check for check in checks if check is not None]):
        return {key: x if x is None else tensorflow.identity(x) for key, x in inputs.items()}


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
        case "torch" if is_compiling():
            from kerasfuse.backend import torch_tracing

            return torch_tracing.known()
        case _:
            traced = False
    return None if traced else int(x)


def fused_attention(query, key, value, mask, key_mask=None):
    """Attend, `(batch, steps, heads, head_dim)`, without ever holding all scores.

    `mask` is boolean and broadcasts to `(batch, heads, Tq, Tk)`, or `None`. Where it says nothing
    but which keys are real, `key_mask` is what it was made of, `(batch, Tk)`.
    """
    if name() == "torch":
        from kerasfuse.backend import torch_cpu, torch_kernels

        if torch_cpu.runs_narrow_attention(query, key, mask):
            return torch_cpu.narrow_attention(query, key, value, mask)
        if is_on_gpu(query) or not _is_torch_tracing():
            return torch_kernels.fused_attention(query, key, value, mask, key_mask)
    return ops.dot_product_attention(query, key, value, mask=mask, scale=query.shape[-1] ** -0.5)


def is_compiling():
    """Whether what PyTorch computes now becomes part of a program of `CompiledCalls`."""
    if name() != "torch":
        return False
    from kerasfuse.backend import torch_tracing

    return torch_tracing.is_recording()


def _is_torch_tracing():
    from kerasfuse.backend import torch_tracing

    return torch_tracing.is_tracing()
