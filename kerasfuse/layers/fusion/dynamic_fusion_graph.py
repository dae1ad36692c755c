"""DynamicFusionGraph: every subset of the modalities is a vertex, and edges weigh each other."""

import itertools

import keras
from keras import ops

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.linear_recurrence import with_previous

EFFICACIES = ("sigmoid", "linear")


@keras.saving.register_keras_serializable("kerasfuse")
class DynamicFusionGraph(keras.layers.Layer):
    """Fuse memories over the graph of all non-empty subsets of the modalities, step by step.

        v_m = relu(W_m [c_(t-1); c_t]_m + b_m)                            each modality m
        e   = sigmoid(W_b dropout(relu(W_a [v_1; ...; v_M])))             one efficacy an edge
        v_S = relu(W_S [e_(R,S) v_R]_R + b_S),  R a non-empty part of S   each larger subset S
        y   = relu(W [e_S v_S]_S + b)                                     over all subsets S

    Edges lead from each subset to the larger ones that contain it, and from each subset to the
    output: 19 for three modalities. How much passes along each is decided anew at every step.

    Reference: Zadeh, Liang, Poria, Cambria, Morency, "Multimodal Language Analysis in the Wild:
    CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph", ACL 2018, section 4. The paper shows
    efficacies between 0 and 1; the re-implementation of the MMSA toolkit leaves them unbounded
    (`efficacy="linear"`), gives the modalities the LSTMs' outputs in place of their memories, and
    the larger subsets no relu.

    Args:
        units: width of every vertex.
        hidden_units: width of the hidden layer that the efficacies come from.
        efficacy: `"sigmoid"` or `"linear"`.
        dropout: rate in that hidden layer, after relu.

    Call arguments:
        inputs: list of memories `(batch, steps, d_m)`, such as the cells of `MaskedLSTM`.

    Returns:
        y, tensor `(batch, steps, units)`, and the efficacies, `(batch, steps, edges)`, in the order
        of `edges`.

    Raises:
        ValueError: for an unknown `efficacy`.

    Example:

    >>> graph = DynamicFusionGraph(units=16, hidden_units=32)
    >>> y, efficacies = graph([np.ones((2, 9, 16)), np.ones((2, 9, 8))])
    >>> graph.edges    # of positions in the list; the output is None
    [((0,), (0, 1)), ((1,), (0, 1)), ((0,), None), ((1,), None), ((0, 1), None)]
    """

    def __init__(self, units, hidden_units, efficacy="sigmoid", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if efficacy not in EFFICACIES:
            raise ValueError(
                f"expected `efficacy` to be one of {EFFICACIES}. Received: {efficacy!r}"
            )
        self.units = units
        self.hidden_units = hidden_units
        self.efficacy = efficacy
        self.dropout = dropout

    def build(self, inputs_shape):
        modalities, policy = range(len(inputs_shape)), self.dtype_policy
        subsets = [
            subset
            for size in range(1, len(modalities) + 1)
            for subset in itertools.combinations(modalities, size)
        ]
        # None is the output, which everything leads to.
        targets = [*subsets[len(modalities) :], None]
        self.sources = {t: [s for s in subsets if t is None or set(s) < set(t)] for t in targets}
        self.edges = [(s, t) for t in targets for s in self.sources[t]]

        def dense(units, name, width, activation="relu"):
            layer = keras.layers.Dense(units, activation=activation, name=name, dtype=policy)
            layer.build((*inputs_shape[0][:2], width))
            return layer

        self.singles = [
            dense(self.units, f"vertex_{m}", 2 * inputs_shape[m][-1]) for m in modalities
        ]
        self.larger = [
            dense(self.units, _vertex_name(t), self.units * len(self.sources[t])) for t in targets
        ]
        self.hidden = dense(self.hidden_units, "efficacy_hidden", self.units * len(modalities))
        self.drop = Dropout(self.dropout, dtype=policy)
        self.strengths = dense(len(self.edges), "efficacies", self.hidden_units, self.efficacy)

    def call(self, inputs, training=None):
        vertices = {
            (m,): run(dense, with_previous(x))
            for m, (dense, x) in enumerate(zip(self.singles, inputs, strict=True))
        }
        hidden = run(self.hidden, ops.concatenate(list(vertices.values()), axis=-1))
        efficacies = run(self.strengths, run(self.drop, hidden, training=training))
        passed = dict(zip(self.edges, ops.split(efficacies, len(self.edges), axis=-1), strict=True))
        for target, dense in zip(self.sources, self.larger, strict=True):
            arriving = [passed[s, target] * vertices[s] for s in self.sources[target]]
            vertices[target] = run(dense, ops.concatenate(arriving, axis=-1))
        return vertices[None], efficacies

    def compute_output_spec(self, inputs, training=None):
        steps = inputs[0].shape[:2]
        fused = keras.KerasTensor((*steps, self.units), dtype=self.compute_dtype)
        return fused, keras.KerasTensor((*steps, len(self.edges)), dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "units": self.units,
            "hidden_units": self.hidden_units,
            "efficacy": self.efficacy,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}


def _vertex_name(subset):
    return "output" if subset is None else "vertex_" + "_".join(map(str, subset))
