"""Ask a layer of a finished graph for its attention, or its gates."""

import keras


class AttentionOf(keras.layers.Layer):
    """Call another layer, with its weights, and return its attention beside its output.

    Keras takes it that all calls of a layer in a graph return as many tensors as the first one
    did, so a layer that was called for its output alone needs another one to be called for more.

    Args:
        layer: a layer with a call argument `return_attention_scores`.
        mask_argument: name of its call argument for masks.
        **options: further call arguments.

    Call arguments:
        inputs: what the layer is called on; a list of several arguments.
        masks: the masks.
    """

    def __init__(self, layer, mask_argument, **options):
        super().__init__(autocast=False, dtype=layer.dtype_policy)
        self.layer = layer
        self.mask_argument = mask_argument
        self.options = options | {"return_attention_scores": True}
        self.built = True

    def call(self, inputs, masks):
        return self.layer(*_listed(inputs), **{self.mask_argument: masks}, **self.options)

    def compute_output_spec(self, inputs, masks):
        return self.layer.compute_output_spec(
            *_listed(inputs), **{self.mask_argument: masks}, **self.options
        )


class GatesOf(keras.layers.Layer):
    """Call a `MergeGate`, with its weights, and return its gates; see `AttentionOf` for why.

    Args:
        layer: the gate.

    Call arguments:
        inputs: what the gate is called on.
    """

    def __init__(self, layer):
        super().__init__(autocast=False, dtype=layer.dtype_policy)
        self.layer = layer
        self.built = True

    def call(self, inputs):
        return self.layer(inputs, return_gates=True)[1]

    def compute_output_spec(self, inputs):
        return self.layer.compute_output_spec(inputs, return_gates=True)[1]


def _listed(inputs):
    return inputs if isinstance(inputs, list) else [inputs]


def summary_attentions(summaries, sequences, masks):
    """Name what the summary of each modality attends to at the steps of it, for `extract`."""
    return {
        f"summary_attention/{m}": lambda m=m: AttentionOf(summaries[m], "mask")(
            sequences[m], masks=masks[m]
        )[1]
        for m in summaries
    }
