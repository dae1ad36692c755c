"""CoalitionEvaluator: a model's output on subsets of its modalities, each encoder run once."""

import keras
from keras import ops, tree

from kerasfuse import ops as fuse_ops
from kerasfuse.layers import AbsentAsZeros
from kerasfuse.models.parts.fusion_model import FusionModel


class CoalitionEvaluator:
    r"""Cut a functional model where its modalities meet, and run the part behind for coalitions.

        phi(S) = head({z_m(x_m) for m in S, z_m(0) for the others})

    z_m is the encoder of modality m: whatever depends on that input alone, found by walking the
    graph. Each input is encoded once, and zeros once for a whole batch, not once a sample.

    Where encoders end in vectors, all coalitions go through the head as one batch. Where they
    end in sequences, as those of attention models, each is a pass of its own; of a `FusionModel`
    whose outputs do not see padding, and whose sequences do not share their steps, a muted sequence
    is then one step long, and next to nothing that attends to it is computed.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023: a modality is muted by zero input, muted passes run in inference
    mode and have gradients.

    Args:
        model: a functional `keras.Model`, or a `FusionModel`, with a named input for each modality
            and one output.

    Attributes:
        modalities: list of names of the inputs.
        subsets: list of `frozenset` of names, every coalition but the empty and the whole one.
        encoders: dict of modality name to the list of its layers.
        encoders_depend_on_mode: whether an encoder does something else in training than in
            inference: it has batch norm, dropout, or another state that is not trained.

    Raises:
        ValueError: for a model that is not functional, has one input, or several outputs.

    Example:

    >>> model = kerasfuse.models.MulT({"text": 300, "audio": 74})
    >>> [layer.name for layer in CoalitionEvaluator(model).encoders["text"]]
    ['text_projection', 'text_positions', 'text_mask']
    """

    def __init__(self, model):
        _check(model)
        self.model = model
        self.modalities = [tensor.name for tensor in model.inputs]
        self.subsets = fuse_ops.coalitions(self.modalities)
        self._graph = graph = _Graph(model)
        self.encoders = graph.encoders
        layers = [layer for found in self.encoders.values() for layer in found]
        self.encoders_depend_on_mode = any(_depends_on_mode(layer) for layer in layers)
        features = graph.features
        self._vectors = all(len(z.shape) == 2 for z in tree.flatten(features))
        shortens = isinstance(model, FusionModel) and model.ignores_padding
        self._shortens = shortens and not model.word_aligned and not self._vectors
        self._encoder = _encoder(graph)
        self._head = keras.Model(features, model.outputs[0])

    def encode(self, inputs, training=False):
        """Return the outputs of the encoders: dict of modality name to dict of tensors."""
        inputs = self._made_present(inputs)
        return self._encode({m: inputs[m] for m in self.modalities}, training)

    def head(self, features, training=False):
        """Return the output on all modalities, of what `encode` returned."""
        return self._head(features, training=training)

    def encoder(self, modality):
        """Return the encoder of one modality: a `keras.Model` from its input to its vector."""
        return keras.Model(self._graph.present[modality], self._graph.features[modality])

    def muted_inputs(self, inputs, features):
        """Return the output of every coalition, the other modalities' inputs zero.

        Args:
            inputs: dict of modality name to array, or `None`.
            features: what `encode` returned for them.

        Returns:
            Dict of the `subsets` to tensors `(batch, outputs)`.
        """
        return self.muted(features, self.encoded_zeros(inputs))

    def muted_features(self, features):
        """Return the output of every coalition, the other modalities' encoded vectors zero."""
        return self.muted(features, tree.map_structure(lambda z: ops.zeros_like(z[:1]), features))

    def encoded_zeros(self, inputs):
        """Return what the encoders make of one sample of zeros, like the outputs of `encode`."""
        inputs = self._made_present(inputs)
        return self._encode({m: self._zeros(inputs[m]) for m in self.modalities}, False)

    def _encode(self, inputs, training):
        encoded = {m: {} for m in inputs}
        if self._encoder is not None:
            encoded |= self._encoder(list(inputs.values()), training=training)
        # What meets the other modalities as it is, and the keys in the order of the head's inputs.
        for m, tensors in self._graph.features.items():
            encoded[m] = {key: encoded[m].get(key, inputs[m]) for key in tensors}
        return encoded

    def _made_present(self, inputs):
        present = self._graph.present_layer
        return inputs if present is None else present(inputs)

    def _zeros(self, x):
        return ops.zeros_like(x[:1, :1] if self._shortens and len(x.shape) == 3 else x[:1])

    def muted(self, features, zeros):
        """Return the output of every coalition: dict of the `subsets` to `(batch, outputs)`.

        Args:
            features: what `encode` returned, of the modalities that are present.
            zeros: the same of one sample, for the others.
        """
        batch = ops.shape(tree.flatten(features)[0])[0]
        zeros = tree.map_structure(lambda z: _repeated(z, batch), zeros)
        mixed = [
            {m: features[m] if m in members else zeros[m] for m in features}
            for members in self.subsets
        ]
        if not self._vectors:
            outputs = [self._head(each, training=False) for each in mixed]
        else:
            stacked = tree.map_structure(lambda *z: ops.concatenate(z, axis=0), *mixed)
            outputs = self._head(stacked, training=False)
            outputs = [outputs[i * batch : (i + 1) * batch] for i in range(len(mixed))]
        return dict(zip(self.subsets, outputs, strict=True))


def _encoder(graph):
    """Return the model of all encoders; `None` where modalities meet as they are.

    An input that is an output too is left out: Keras then loses it as an input of what follows.
    """
    outputs = {
        m: {key: z for key, z in tensors.items() if z is not graph.present[m]}
        for m, tensors in graph.features.items()
    }
    outputs = {m: tensors for m, tensors in outputs.items() if tensors}
    return keras.Model(list(graph.present.values()), outputs) if outputs else None


def _repeated(z, batch):
    return ops.broadcast_to(z, (batch, *z.shape[1:]))


def _depends_on_mode(layer):
    states = {id(v) for v in layer.non_trainable_variables}
    for inner in layer._flatten_layers():
        rates = [getattr(inner, key, None) for key in ("rate", "dropout", "recurrent_dropout")]
        # Keras gives a recurrent layer random numbers whether it drops anything or not.
        if any(rate is not None for rate in rates) and not any(rates):
            states -= {id(v) for v in inner.non_trainable_variables}
    return bool(states)


def _check(model):
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            "expected a functional keras.Model, whose graph can be walked, such as "
            "keras.Model(inputs, outputs) with a named input for each modality. "
            f"Received: {model!r}"
        )
    names = [tensor.name for tensor in model.inputs]
    if len(names) < 2:
        raise ValueError(
            "expected a model of at least two modalities, each an input of its own; with one there "
            f"is nothing to balance. Received: {model.name!r} with the inputs {names}"
        )
    if len(model.outputs) != 1:
        raise ValueError(
            f"expected a model with one output. Received: {model.name!r} with {len(model.outputs)}"
        )


class _Graph:
    """Say which tensors and layers of a functional model depend on one input alone.

    Attributes:
        present_layer: the `AbsentAsZeros` of the model, or `None`.
        present: dict of modality name to the tensor that its encoder starts from.
        features: dict of modality name to its tensors where the modalities meet, numbered.
        encoders: dict of modality name to its layers in between.
    """

    def __init__(self, model):
        self.present_layer = None
        self.present = {tensor.name: tensor for tensor in model.inputs}
        self.features = {name: {} for name in self.present}
        self._sources = {id(tensor): {name} for name, tensor in self.present.items()}
        self._met = set()
        uses = {}  # id of a layer -> the layer, and the modalities that go through it
        for node in _nodes(model):
            if isinstance(node.operation, AbsentAsZeros):
                self._pass_each(node)
                continue
            sources = set().union(*(self._sources[id(x)] for x in node.input_tensors))
            self._sources |= {id(tensor): sources for tensor in node.output_tensors}
            if isinstance(node.operation, keras.layers.Layer):
                _, users = uses.setdefault(id(node.operation), (node.operation, set()))
                users |= sources
            if len(sources) > 1:
                self._meet(node.input_tensors)
        self._meet(model.outputs)
        self.encoders = {
            name: [layer for layer, users in uses.values() if users == {name}]
            for name in self.present
        }

    def _pass_each(self, node):
        """Note that each output of a node over all modalities is of one of them."""
        self.present_layer = node.operation
        names = tree.flatten({name: name for name in self.present})
        for name, tensor in zip(names, node.output_tensors, strict=True):
            self.present[name] = tensor
            self._sources[id(tensor)] = {name}

    def _meet(self, tensors):
        """Take note of the tensors that are still of one modality alone."""
        for tensor in tensors:
            sources = self._sources[id(tensor)]
            if len(sources) == 1 and id(tensor) not in self._met:
                self._met.add(id(tensor))
                found = self.features[next(iter(sources))]
                found[f"{len(found)}"] = tensor


def _nodes(model):
    """List the nodes of a functional model, each after those that it depends on."""
    found, seen = [], set()

    def visit(tensor):
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) in seen or node.is_input:
            return
        seen.add(id(node))
        for before in node.input_tensors:
            visit(before)
        found.append(node)

    for tensor in model.outputs:
        visit(tensor)
    return found
