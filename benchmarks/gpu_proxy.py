"""What a training step of PyTorch would launch on a GPU, counted where there is none.

The step runs on tensors that have shapes and no numbers (PyTorch's `FakeTensorMode`), so lengths
and batches are those of real data and nothing is computed. A dispatch mode above it sees every
operation that reaches a device, forward and backward, and counts

- kernels: operations that compute or copy, one for each that PyTorch dispatches. Views and
  allocations are none. An operation that launches several kernels of its own, such as a product
  that is split or a multi-tensor call of the optimizer, still counts once;
- host reads: what makes the program wait for the GPU to know a number of it. `x.to("cpu")` is not
  seen: Keras says so wherever a tensor has to be on the current device;
- uploads: numbers and arrays of the program that are copied to the GPU, for which PyTorch waits
  too. The batch itself is taken to be there;
- peak bytes: the most that tensors made by the step hold together, each rounded up to the 512
  bytes of PyTorch's allocator, and what was there before: weights, state of the optimizer, the
  batch. What a kernel allocates for itself is not seen. Keras flattens arguments by a function
  of PyTorch that leaves cycles of references to them. Here these are collected at once, so that
  counts repeat; Python collects them later, and up to two blocks of an alignment are then held;
- work: multiply-adds of products, convolutions and attention, times two, and the bytes that
  kernels read and write, each tensor once a kernel.

Tensors say that they are the processor's. `as_on_gpu` therefore makes the library's one function
that asks (`kerasfuse.backend.torch_device.device_type`) answer "cuda", which leaves everything
that is written for a processor: narrow attention, the wavefront GRU, cheap dropout, small blocks,
the search for thresholds. `_AsOnGpu` does the same for what PyTorch itself would choose: dropout
in one kernel, memory-efficient attention, and cuDNN's recurrences, whose workspace is not counted.
"""

import collections
import contextlib
import gc
import math
import weakref

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten

# Operations that dispatch and launch nothing, beside views.
NO_KERNEL = {
    aten.empty.memory_format,
    aten.empty_like.default,
    aten.empty_strided.default,
    aten.new_empty.default,
    aten.new_empty_strided.default,
    aten.lift_fresh.default,
    aten._unsafe_view.default,
    torch.ops.prim.device.default,
}

# Their results have a shape that only the numbers tell.
READS = {
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.bincount.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.repeat_interleave.Tensor,
}


@contextlib.contextmanager
def as_on_gpu(free_bytes=80 * 10**9):
    """Let the library take the ways that it takes on a GPU.

    Args:
        free_bytes: memory that is free there.
    """
    from kerasfuse.backend import torch_device

    before = torch_device.device_type, torch_device.free_bytes
    torch_device.device_type, torch_device.free_bytes = (lambda x: "cuda"), lambda x: free_bytes
    try:
        yield
    finally:
        torch_device.device_type, torch_device.free_bytes = before


class Count(TorchDispatchMode):
    """Count what is dispatched while the mode is on.

    Attributes:
        kernels: `collections.Counter` of the names of operations.
        reads: likewise, of what reads a number back.
        uploads: number of copies to the GPU.
        peak_bytes: the most that tensors made meanwhile hold together.
        work: list of the operations and bytes of each kernel.
    """

    def __init__(self):
        super().__init__()
        self.kernels, self.reads = collections.Counter(), collections.Counter()
        self.uploads, self.peak_bytes = 0, 0
        self.work = []
        self._held, self._bytes = weakref.WeakSet(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        gc.collect(0)
        name = function.overloadpacket.__name__
        if function in READS:
            self.reads[name] += 1
        if function is aten._local_scalar_dense.default:
            return _a_number(args[0].dtype)
        if function is aten.lift_fresh.default:
            self.uploads += 1
        result = function(*args, **(kwargs or {}))
        if not (function.is_view or function in NO_KERNEL):
            self.launch(name, [args, kwargs, result], self._operations(function, args, result))
        if not (function.is_view or function._schema.is_mutable):
            self.hold(result)
        return result

    def launch(self, name, tensors, operations=0):
        """Count a kernel that reads or writes tensors, a nest of lists of them and others."""
        self.kernels[name] += 1
        # Of one that is spread over an axis, what there is of it.
        moved = {
            id(x): min(x.numel() * x.itemsize, x.untyped_storage().nbytes())
            for x in _tensors(tensors)
        }
        self.work.append((operations, sum(moved.values())))

    def _operations(self, function, args, result):
        count = flop_registry.get(function.overloadpacket)
        return count(*args, out_val=result) if count else 0

    def hold(self, result):
        """Count the memory of tensors until nobody has them."""
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage not in self._held:
                self._held.add(storage)
                size = 512 * math.ceil(storage.nbytes() / 512)
                self._bytes += size
                weakref.finalize(storage, self._release, size).atexit = False
        self.peak_bytes = max(self.peak_bytes, self._bytes)

    def _release(self, size):
        self._bytes -= size


def _tensors(nest):
    return [x for x in tree_leaves(nest) if isinstance(x, torch.Tensor)]


def _a_number(dtype):
    if dtype == torch.bool:
        return True
    return 1.0 if dtype.is_floating_point else 1


class _AsOnGpu(TorchFunctionMode):
    """Choose what PyTorch chooses on a GPU, and see what leaves it without being dispatched."""

    def __init__(self, count):
        super().__init__()
        self.count = count
        self.ways = {
            torch.full: _full,
            torch.nn.functional.dropout: _dropout,
            torch.nn.functional.scaled_dot_product_attention: _attention,
            torch.nn.functional.ctc_loss: self._ctc_loss,
            torch.gru: self._gru,
            torch.lstm: self._lstm,
            torch._VF.gru: self._gru,
            torch._VF.lstm: self._lstm,
            torch.Tensor.numpy: self._to_numpy,
            torch.Tensor.__array__: self._to_numpy,
            torch.Tensor.cpu: self._to_processor,
        }

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return self.ways.get(function, function)(*args, **(kwargs or {}))

    def _to_numpy(self, x, *args, **kwargs):
        self.count.reads["to numpy"] += 1
        return np.ones(x.shape, str(x.dtype).removeprefix("torch."))

    def _to_processor(self, x, *args, **kwargs):
        self.count.reads["to the processor"] += 1
        return x

    def _ctc_loss(self, log_probabilities, targets, *lengths, **kwargs):
        # PyTorch wants to know them before it launches anything.
        self.count.reads["lengths for ctc_loss"] += len(lengths)
        return _Connected.apply(self.count, log_probabilities, targets.shape[1])

    def _gru(self, x, state, weights, *args):
        return self._recurrence(x, state, weights, 1)

    def _lstm(self, x, state, weights, *args):
        return self._recurrence(x, state[0], weights, 2)

    def _recurrence(self, x, state, weights, states):
        y = _Recurrence.apply(self.count, x, state.shape[2], *weights)
        return y, *[torch.empty_like(state) for _ in range(states)]


def _full(size, fill_value, **kwargs):
    # PyTorch reads it where it is a tensor; of one without numbers it would not.
    fill_value = fill_value.item() if isinstance(fill_value, torch.Tensor) else fill_value
    return torch.full(size, fill_value, **kwargs)


def _dropout(x, p=0.5, training=True, inplace=False):
    return torch.native_dropout(x, p, training)[0]


def _attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    if attn_mask is not None:
        if any(stride % 8 for stride in attn_mask.stride()[:-1]):
            # Rows of what the kernel adds have to start at multiples of 8 numbers.
            room = -attn_mask.shape[-1] % 8
            attn_mask = torch.nn.functional.pad(attn_mask, (0, room))[..., : key.shape[2]]
        attn_mask = attn_mask.expand(*query.shape[:3], key.shape[2])
    return aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, True, dropout_p, is_causal, scale=scale
    )[0]


class _Connected(torch.autograd.Function):
    """The CTC loss by its shapes; it keeps the probabilities of all labels and blanks."""

    @staticmethod
    def forward(ctx, count, log_probabilities, labels):
        steps, batch, _ = log_probabilities.shape
        alphas = log_probabilities.new_empty(batch, steps, 2 * labels + 1)
        ctx.count = count
        ctx.save_for_backward(log_probabilities, alphas)
        count.launch("_ctc_loss", [log_probabilities, alphas])
        count.hold(alphas)
        return log_probabilities.new_empty(batch)

    @staticmethod
    def backward(ctx, gradient):
        gradient = torch.empty_like(ctx.saved_tensors[0])
        ctx.count.launch("_ctc_loss_backward", [*ctx.saved_tensors, gradient])
        ctx.count.hold(gradient)
        return None, gradient, None


class _Recurrence(torch.autograd.Function):
    """cuDNN's recurrence by its shapes: weights are copied into one array, then it is one call."""

    @staticmethod
    def forward(ctx, count, x, units, *weights):
        ctx.count = count
        ctx.save_for_backward(x, *weights)
        y = x.new_empty(*x.shape[:2], units)
        for weight in weights:
            count.launch("copy_", [weight, weight.detach()])
        products = sum(w.numel() for w in weights if w.dim() == 2)
        ctx.operations = 2 * x.shape[0] * x.shape[1] * products
        count.launch("_cudnn_rnn", [x, y, weights], ctx.operations)
        count.hold(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        gradients = [torch.empty_like(x) for x in ctx.saved_tensors]
        tensors = [gradient, *ctx.saved_tensors, *gradients]
        ctx.count.launch("_cudnn_rnn_backward", tensors, 2 * ctx.operations)
        ctx.count.hold(gradients)
        return None, gradients[0], None, *gradients[1:]


def count_step(model, x, y, warm_up=None):
    """Count a training step of a compiled model.

    Args:
        model: a Keras model.
        x: dict of name to array, a batch of real size.
        y: array of its labels.
        warm_up: a small batch `(x, y)`, which is trained on first, for what a first step builds;
            `None` for a model that was trained before.

    Returns:
        `Count`, and the bytes of weights, state of the optimizer and batch.
    """
    if warm_up is not None:
        model.train_on_batch(*warm_up)
    place = {"device": model.variables[0].value.device}
    batch = [{k: torch.as_tensor(v, **place) for k, v in x.items()}, torch.as_tensor(y, **place)]
    resident = [v.value for v in [*model.variables, *model.optimizer.variables]]
    resident += [*batch[0].values(), batch[1]]
    with counting(Count()) as count:
        model.train_step((*batch, None))
    return count, sum(t.nbytes for t in resident)


@contextlib.contextmanager
def counting(count):
    """Give tensors shapes alone, and let `count` see what is done with them."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), count, _AsOnGpu(count):
            yield count
    finally:
        if collects:
            gc.enable()
