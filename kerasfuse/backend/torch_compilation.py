"""Compile what a model computes of its inputs, once for each of their shapes."""

import types

import keras
import torch

from kerasfuse.backend import torch_tracing

# What torch.compile makes programs by.
COMPILER = "inductor"

_TENSOR = object()


class CompiledCalls:
    """Run a model's call as programs that `torch.compile` makes.

    `torch.compile` reads Python. It stumbles over what Keras does around a layer, which sets
    attributes, and compiles anew until it gives up. Here it sees one function of tensors alone, of
    all variables and inputs. What the model does in between is recorded as it runs, by tensors
    without values, and never looked at: one program for each set of shapes, with or without
    gradients.

    The losses and states that a call leaves behind are results of that function, and are put where
    the call would have left them.

    Args:
        model: the `keras.Model`.
        call: function of a dict of inputs and of `training`, what its `call` computes.
        layers: its `AuxiliaryLoss` layers, whose values a tracker asks for.
    """

    def __init__(self, model, call, layers):
        self.model = model
        self.call = call
        self.layers = layers
        self.programs = {}

    def __call__(self, inputs, training, known=None):
        """Return the outputs.

        Args:
            inputs: dict of name to tensor, or `None`.
            training: as of the call.
            known: an integer that the call asks `backend.known_integer` for.
        """
        convert = keras.ops.convert_to_tensor
        present = {name: convert(x) for name, x in inputs.items() if x is not None}
        shapes = tuple((name, tuple(x.shape), x.dtype) for name, x in present.items())
        gradients = torch.is_grad_enabled()
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        # Layers that are frozen or freed change the order of the variables.
        order = tuple(map(id, variables))
        key = (shapes, tuple(inputs), bool(training), gradients, known, order)
        if key not in self.programs:
            self.programs[key] = self._program(tuple(inputs), tuple(present), training, known)
        run, found = self.programs[key]
        results = run([v.value for v in variables], list(present.values()))
        return self._put(found, results)

    def _program(self, names, present, training, known):
        found = types.SimpleNamespace()

        def compute(values, tensors):
            inputs = dict.fromkeys(names) | dict(zip(present, tensors, strict=True))
            with torch_tracing.recorded(known):
                return self._results(found, values, inputs, training)

        recorded = torch._dynamo.nonstrict_trace(compute)

        def run(values, tensors):
            return recorded(values, tensors)

        # PyTorch counts programs by the code they are made of, and gives up at some number.
        run.__code__ = run.__code__.replace(co_name=f"run_{len(self.programs)}")
        return torch.compile(run, backend=COMPILER, dynamic=False, fullgraph=True), found

    def _results(self, found, values, inputs, training):
        """Compute all that a call leaves behind, as a flat list of tensors."""
        states = self.model.non_trainable_variables
        variables = [*self.model.trainable_variables, *states]
        before = dict(zip(map(id, variables), values, strict=True))
        mapped = list(zip(variables, values, strict=True))
        with keras.StatelessScope(mapped, collect_losses=True) as scope:
            outputs = self.call(inputs, training)
            left = [layer.hand_over() for layer in self.layers]
            after = [scope.get_current_value(v) for v in states]
        found.changed = [
            i for i, x in enumerate(after) if x is not None and x is not before[id(states[i])]
        ]
        results = (outputs, [after[i] for i in found.changed], list(scope.losses), left)
        # A program returns tensors alone; the rest, such as `None`, is the same in every call.
        found.leaves, found.structure = torch.utils._pytree.tree_flatten(results)
        tensors = [x for x in found.leaves if isinstance(x, torch.Tensor)]
        found.leaves = [_TENSOR if isinstance(x, torch.Tensor) else x for x in found.leaves]
        return tensors

    def _put(self, found, tensors):
        tensors = iter(tensors)
        leaves = [next(tensors) if x is _TENSOR else x for x in found.leaves]
        outputs, after, losses, left = torch.utils._pytree.tree_unflatten(leaves, found.structure)
        states = self.model.non_trainable_variables
        with torch.no_grad():
            for i, value in zip(found.changed, after, strict=True):
                states[i].assign(value)
        self.model._losses.extend(losses)
        for layer, kept in zip(self.layers, left, strict=True):
            layer.take_over(kept)
        return outputs
