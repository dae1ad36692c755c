"""Write a model as ONNX from PyTorch, with any number of samples and steps."""

import contextlib
import io
import warnings

import torch
from torch.overrides import TorchFunctionMode


def export(model, samples, path, dimensions):
    """Trace a model once and write what it did.

    Keras' own `model.export(format="onnx")` traces arrays of one sample and one step, stops at two
    operations of our layers (`_InWordsOfOnnx`), and numbers inputs and output. PyTorch's newer
    exporter, by `torch.export`, takes one sample for a special case, and several times as long.

    Args:
        model: the model, a `torch.nn.Module`.
        samples: dict of input name to tensor; no axis of any number is 1 long, and those of
            different names differ, so that none is taken for a constant, or for another.
        path: the file to write.
        dimensions: dict of input name to dict of axis to the name of its dimension.

    Raises:
        RuntimeError: for an operation that ONNX, or the exporter, does not have.
    """
    names = list(samples)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # One for every shape that is looked at, and on failure the whole graph on stdout.
        warnings.simplefilter("ignore")
        with torch.no_grad(), _InWordsOfOnnx():
            torch.onnx.export(
                _TakesArrays(model, names).eval(),
                tuple(samples.values()),
                str(path),
                input_names=names,
                output_names=["scores"],
                dynamic_axes={**dimensions, "scores": {0: "batch"}},
                dynamo=False,
            )


class _TakesArrays(torch.nn.Module):
    def __init__(self, model, names):
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *arrays):
        return self.model(dict(zip(self.names, arrays, strict=True)), training=False)


class _InWordsOfOnnx(TorchFunctionMode):
    """Put what the exporter cannot write into words that it can."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.nn.functional.layer_norm:
            # While it traces, the widths of a tensor are no constants.
            x, shape, *rest = args
            return function(x, [int(size) for size in shape], *rest, **kwargs)
        if function is torch.take_along_dim:
            return _gather(*args, **kwargs)
        return function(*args, **kwargs)


def _gather(x, indices, dim):
    sizes = [-1 if axis == dim else size for axis, size in enumerate(x.shape)]
    return torch.gather(x, dim, indices.expand(sizes))
