"""The contract of every layer, one row each, and what is special about some."""

import keras
import numpy as np
import pytest
from harness import check_layer
from keras import ops

from kerasfuse import layers

RNG = np.random.default_rng(0)


def array(x, dtype=None):
    return np.asarray(ops.convert_to_numpy(x), dtype)


def sequence(steps, width, batch=4):
    return RNG.normal(size=(batch, steps, width)).astype("float32")


def heads(steps, batch=4):
    return RNG.normal(size=(batch, steps, 2, 3)).astype("float32")


def mask(steps, batch=4):
    valid = np.ones((batch, steps), bool)
    valid[0, : steps // 2] = False
    valid[1, steps // 2 :] = False
    return valid


QUERY = {"query": sequence(5, 8), "source": sequence(7, 8), "source_mask": mask(7)}
ALIGNED = {
    "inputs": sequence(5, 8)[:, 0],
    "queries": heads(5),
    "keys": heads(7),
    "query_mask": mask(5),
    "key_mask": mask(7),
}
LATE = {"source_mask": mask(7)}
WIDE = {"text": sequence(5, 8), "audio": sequence(7, 8), "pulse": sequence(6, 8)}
STREAMS = {"text": sequence(5, 8), "audio": sequence(7, 3), "pulse": sequence(6, 5)}
SOURCES = {
    "sources": {"audio": sequence(7, 3), "pulse": sequence(6, 5)},
    "source_masks": {"audio": mask(7), "pulse": mask(6)},
}
BOTTLENECK = {"streams": WIDE, "masks": {m: mask(x.shape[1]) for m, x in WIDE.items()}}
VECTORS = [sequence(1, 3)[:, 0] for _ in range(3)]
SOURCE = [("source", "source_mask")]
STEPS = [("inputs", "mask")]
ALONE = {"inputs": sequence(5, 8)}
PAIRS = [("queries", "query_mask"), ("keys", "key_mask")]

# class, constructor arguments, call arguments, shape of the output, further arguments of the check
CONTRACTS = [
    (
        layers.MaskedConv1D,
        {"filters": 6, "kernel_size": 3},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 5, 6),
        {},
    ),
    (
        layers.SinusoidalPositions,
        {},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 5, 8),
        {},
    ),
    *[
        (
            layers.MaskedPooling,
            {"mode": mode},
            {"inputs": sequence(5, 8), "mask": mask(5)},
            (4, 8),
            {"sequences": STEPS},
        )
        for mode in ("mean", "last", "attention")
    ],
    (layers.CrossmodalAttention, {"num_heads": 2}, QUERY, (4, 5, 8), {"sequences": SOURCE}),
    (
        layers.CrossmodalAttention,
        {"num_heads": 4, "dropout": 0.1, "causal": True},
        QUERY,
        [(4, 5, 8), (4, 4, 5, 7)],
        {"call_kwargs": {"return_attention_scores": True}},
    ),
    (
        layers.CrossmodalBlock,
        {"num_heads": 2, "residual_dropout": 0.1, "feedforward_dropout": 0.1},
        QUERY,
        (4, 5, 8),
        {"sequences": SOURCE},
    ),
    (layers.CrossmodalBlock, {"num_heads": 2}, {"query": sequence(5, 8)}, (4, 5, 8), {}),
    (
        layers.SelfAttentionSummary,
        {"num_layers": 2, "num_heads": 2, "embedding_dropout": 0.1, "causal": False},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 8),
        {"sequences": STEPS},
    ),
    (
        layers.SelfAttentionSummary,
        {"num_layers": 1, "num_heads": 2, "pooling": "attention"},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        [(4, 8), (4, 5)],
        {"sequences": STEPS, "call_kwargs": {"return_attention_scores": True}},
    ),
    *[
        (
            layers.MergeGate,
            {},
            {"inputs": [sequence(5, 8) for _ in range(sources)]},
            (4, 5, 8),
            {},
        )
        for sources in (1, 2, 3)
    ],
    (
        layers.MaskedGRU,
        {"units": 6, "num_layers": 2},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 5, 6),
        {"sequences": STEPS},
    ),
    *[
        (
            layers.MaskedLSTM,
            {"units": 6, "num_layers": 2, "backwards": backwards},
            {"inputs": sequence(5, 8), "mask": mask(5)},
            (4, 5, 6),
            {"sequences": STEPS},
        )
        for backwards in (False, True)
    ],
    (
        layers.MaskedLSTM,
        {"units": 6},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        [(4, 5, 6), (4, 5, 6)],
        {"call_kwargs": {"return_cells": True}},
    ),
    (
        layers.BidirectionalLSTM,
        {"units": 6},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        [(4, 5, 12), (4, 12)],
        {},
    ),
    (
        layers.LSTMEncoder,
        {"units": 6, "dropout": 0.5},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 12),
        {},
    ),
    *[
        (
            layers.SubspaceRegularizer,
            {"kind": kind, "weight": 0.5},
            {"inputs": VECTORS[0], "first": VECTORS} | second,
            (4, 3),
            {},
        )
        for kind, second in (
            ("similarity", {}),
            ("difference", {"second": VECTORS}),
            ("reconstruction", {"second": VECTORS[::-1]}),
        )
    ],
    (
        layers.GaussianLikelihood,
        {"hidden_units": 6, "weight": 0.5},
        {"inputs": VECTORS[0], "x": VECTORS[1], "y": VECTORS[2]},
        (4, 3),
        {},
    ),
    (
        layers.ContrastivePrediction,
        {"weight": 0.5},
        {"inputs": VECTORS[0], "x": VECTORS[1], "z": VECTORS[2]},
        (4, 3),
        {},
    ),
    # The losses of these three come from labels, which only a model has.
    (
        layers.ClassEntropy,
        {"units": 4, "weight": 0.5, "boundary": 0.5, "memory_size": 8},
        {"inputs": VECTORS[0], "x": VECTORS[1]},
        (4, 3),
        {"without_gradient": ["project"]},
    ),
    (
        layers.TargetHeads,
        {"num_outputs": 2, "weight": 0.5},
        {"inputs": VECTORS[0], "vectors": {"text": VECTORS[1], "audio": VECTORS[2]}},
        (4, 3),
        {"without_gradient": ["head"]},
    ),
    (
        layers.UnimodalLabels,
        {"num_samples": 9, "limit": 2.0},
        {"inputs": VECTORS[0][:, :1], "features": VECTORS, "scores": [VECTORS[0][:, :1]] * 2},
        (4, 1),
        {},
    ),
    (
        layers.MultimodalAdaptationGate,
        {"beta": 0.5, "dropout": 0.1},
        {"inputs": sequence(5, 8), "sources": [sequence(5, 3), sequence(5, 2)]},
        (4, 5, 8),
        {},
    ),
    (layers.LeftJustify, {}, {"inputs": sequence(5, 8), "mask": mask(5)}, (4, 5, 8), {}),
    (
        layers.CTCAligner,
        {"steps": 4, "weight": 0.5},
        {"inputs": sequence(9, 3), "target_mask": mask(5), "mask": mask(9)},
        (4, 5, 3),
        {"sequences": [("inputs", "mask"), ("target_mask",)]},
    ),
    (
        layers.TensorFusion,
        {},
        {"inputs": [x[:, 0] for x in (sequence(1, 3), sequence(1, 2), sequence(1, 4))]},
        (4, 60),
        {},
    ),
    (
        layers.LowRankFusion,
        {"units": 2, "rank": 3},
        {"inputs": [x[:, 0] for x in (sequence(1, 3), sequence(1, 2), sequence(1, 4))]},
        (4, 2),
        {},
    ),
    (
        layers.DeltaMemoryAttention,
        {"hidden_units": 6, "dropout": 0.1},
        {"inputs": [sequence(5, 8), sequence(5, 3)]},
        (4, 5, 22),
        {},
    ),
    (
        layers.GatedMemory,
        {"units": 3, "hidden_units": 6, "dropout": 0.1},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 3),
        {"sequences": STEPS},
    ),
    (
        layers.DynamicFusionGraph,
        {"units": 4, "hidden_units": 6, "efficacy": "sigmoid", "dropout": 0.1},
        {"inputs": [sequence(5, 8), sequence(5, 3), sequence(5, 2)]},
        [(4, 5, 4), (4, 5, 19)],
        {},
    ),
    (
        layers.CrossmodalTransformer,
        {"num_layers": 2, "num_heads": 2, "embedding_dropout": 0.1},
        {"query": sequence(5, 8), "query_mask": mask(5), "source": sequence(7, 8)} | LATE,
        (4, 5, 8),
        {"sequences": SOURCE},
    ),
    (
        layers.CrossmodalHierarchy,
        {"modalities": list(WIDE), "num_layers": 1, "num_heads": 2, "residual_dropout": 0.1},
        {"inputs": WIDE, "masks": {m: mask(x.shape[1]) for m, x in WIDE.items()}},
        (4, 32),
        {"call_kwargs": {"primary": "audio"}, "sequences": [("inputs", "masks")]},
    ),
    *[
        (
            layers.ModalityGate,
            {"modalities": list(STREAMS), "mode": mode, "primary": primary},
            {"inputs": STREAMS},
            [(4, 7, 3), (4, 6, 5), (4, 5, 8)],
            # The weights of the soft gate carry the gradient, not its streams.
            {"without_gradient": ["logits"] if mode == "soft" else []},
        )
        for mode, primary in (
            ("straight_through", None),
            ("straight_through_gumbel", None),
            ("soft", None),
            ("fixed", "audio"),
        )
    ],
    *[
        (
            layers.MMDRegularizer,
            {"weight": 0.5, "estimator": estimator, "seed": 1},
            ALIGNED,
            (4, 8),
            {"sequences": PAIRS},
        )
        for estimator in ("exact", "subsample", "random_features")
    ],
    *[
        (
            layers.PropagatedAlignment,
            {
                "weight": 0.5,
                "tau": 0.25,
                "propagate": False,
                "reduction": reduction,
                "normalise": form,
            },
            ALIGNED,
            (4, 8),
            {"sequences": PAIRS},
        )
        for reduction, form in (
            ("paper_sum", "none"),
            ("mean", "norms"),
            ("mean", "unit"),
            ("mean", "spread"),
        )
    ],
    *[
        (
            layers.MultiCrossAttention,
            {"num_heads": 2, "form": form},
            {"query": sequence(5, 8), **SOURCES},
            (4, 5, 8),
            {"sequences": [("sources", "source_masks")]},
        )
        for form in ("paper", "release", "release_alignment")
    ],
    (
        layers.PostNormBlock,
        {"num_heads": 2, "feedforward_units": 6, "activation": "gelu", "dropout": 0.1},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 5, 8),
        {"sequences": STEPS},
    ),
    (layers.PostNormBlock, {"num_heads": 2, "feedforward_units": 6}, ALONE, (4, 5, 8), {}),
    (
        layers.TemporalAlignment,
        {"num_heads": 2},
        {"anchor": sequence(5, 8), **SOURCES},
        [(4, 5, 8), (4, 5, 7), (4, 5, 6)],
        {"sequences": [], "call_kwargs": {"return_attention_scores": True}},
    ),
    *[
        (
            layers.AttentionBlock,
            {"num_heads": 2, "feedforward_units": 6, "activation": "gelu", **kwargs},
            {"query": sequence(5, 8), **SOURCES},
            (4, 5, 8),
            {"sequences": [("sources", "source_masks")]},
        )
        for kwargs in ({}, {"norm": "branch", "attention_form": "release"})
    ],
    *[
        (
            layers.HierarchicalBottleneck,
            # Two levels are held against numpy in test_hierarchical_bottleneck.py.
            {
                "num_layers": 1,
                "num_bottlenecks": 2,
                "num_heads": 2,
                "feedforward_units": 6,
                **kwargs,
            },
            {"fused": sequence(5, 8), "fused_mask": mask(5), **BOTTLENECK},
            [(4, 2, 8), (4, 7, 8), (4, 6, 8), (4, 5, 8)],
            {"sequences": [("streams", "masks"), ("fused", "fused_mask")]},
        )
        for kwargs in ({}, {"norm": "branch", "attention_form": "release"})
    ],
    *[
        (
            cls,
            {**kwargs, "num_layers": 2, "num_heads": 2, "feedforward_units": 6, "dropout": 0.1},
            {"fused": sequence(5, 8), "fused_mask": mask(5), **BOTTLENECK},
            [(4, 5, 8), (4, 7, 8), (4, 6, 8), (4, 5, 8)],
            {"sequences": [("streams", "masks")]},
        )
        for cls, kwargs in (
            (layers.JointSelfAttention, {}),
            (layers.CrossAttentionFusion, {"anchor": "text"}),
        )
    ],
    (layers.LearnedTokens, {"count": 1}, {"inputs": sequence(5, 8)}, (4, 1, 8), {}),
    (layers.LearnedTokens, {"count": 3}, {"inputs": sequence(5, 8)}, (4, 3, 8), {}),
    (
        layers.LearnedPositions,
        {"max_steps": 2},
        {"inputs": sequence(5, 8), "mask": mask(5)},
        (4, 5, 8),
        {},
    ),
    (layers.Dropout, {"rate": 0.3}, {"inputs": sequence(5, 8)}, (4, 5, 8), {}),
    (
        layers.MLPHead,
        {"num_outputs": 3, "hidden_units": [6, 5], "dropout": 0.1},
        {"inputs": sequence(5, 8)[:, 0]},
        (4, 3),
        {},
    ),
    (
        layers.ResidualHead,
        {"num_outputs": 3, "dropout": 0.1},
        {"inputs": sequence(5, 8)[:, 0]},
        (4, 3),
        {},
    ),
]


@pytest.mark.parametrize(
    "cls, init_kwargs, call_inputs, shape, checks",
    CONTRACTS,
    ids=[f"{row[0].__name__}-{i}" for i, row in enumerate(CONTRACTS)],
)
def test_contract(cls, init_kwargs, call_inputs, shape, checks):
    check_layer(cls, init_kwargs, call_inputs, shape, **checks)


def test_every_layer_has_a_contract():
    tested = {row[0].__name__ for row in CONTRACTS}
    # Tested below: booleans, None, and no graph of its own.
    tested |= {"PaddingMask", "AbsentAsZeros", "RepresentationLoss"}
    # In tests/models/test_fusion_of_encoders.py, with the models that they are parts of.
    tested |= {"LeNet", "MaxOut", "ResNet18", "TransformerEncoder"}
    # In test_adapted_text_encoder.py, as they need keras-hub.
    tested |= {"AdaptedTextEncoder", "ShiftedTextEncoder"}
    # In tests/models/test_scaled.py.
    tested |= {"FeatureScaling", "LabelScaling"}
    # What loss layers are made of: in tests/models/test_auxiliary_losses.py.
    tested |= {"AuxiliaryLoss", "SupervisedAuxiliaryLoss"}
    assert tested == set(layers.__all__)


def test_left_justified_sequences_begin_at_the_first_step():
    ids = np.array([[0, 0, 7, 0, 5], [3, 4, 0, 0, 0], [0, 0, 0, 0, 0]], "int32")
    moved = layers.LeftJustify()(ids, mask=ids != 0)
    assert array(moved).tolist() == [[7, 0, 5, 0, 0], [3, 4, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert keras.backend.standardize_dtype(moved.dtype) == "int32"


def test_the_mask_is_found_before_any_cast():
    keras.config.set_dtype_policy("mixed_float16")
    x = np.full((1, 2, 3), 1e-12, "float32")
    x[0, 1] = 0.0
    layer = layers.PaddingMask.from_config(layers.PaddingMask(name="mask").get_config())
    assert array(layer(x)).tolist() == [[True, False]]
    inputs = keras.Input((None, 3))
    assert layer(inputs).shape == (None, None)
    assert layer(inputs).dtype == "bool"


def test_absent_modalities_become_one_padded_step():
    layer = layers.AbsentAsZeros({"text": 3, "audio": 2})
    filled = layer({"text": np.ones((4, 5, 3), "float32"), "audio": None})
    assert array(filled["audio"]).tolist() == np.zeros((4, 1, 2)).tolist()
    assert layers.AbsentAsZeros.from_config(layer.get_config()).modalities == layer.modalities
    with pytest.raises(ValueError, match="at least one"):
        layer({"text": None, "audio": None})


def test_a_loss_of_representations_takes_what_a_training_step_saw_once():
    mean = keras.losses.MeanSquaredError(name="nearness")
    layer = layers.RepresentationLoss(mean, weight=0.5, name="loss")
    twin = layers.RepresentationLoss.from_config(layer.get_config())
    assert twin.loss_name == "nearness" and twin.get_config() == layer.get_config()
    x, seen = np.ones((2, 1), "float32"), {"text": np.full((2, 3), 2.0, "float32")}
    twin.loss = lambda y, representations: mean(y, representations["text"])
    np.testing.assert_array_equal(array(twin(x, seen, training=False)), x)
    assert not twin.awaits_labels
    np.testing.assert_array_equal(array(twin(x, seen, training=True)), x)
    assert twin.awaits_labels
    assert float(twin.label_loss(np.zeros((2, 3), "float32"))) == 4.0
    assert not twin.awaits_labels


def test_asking_for_the_scores_does_not_change_the_output():
    layer = layers.CrossmodalAttention(num_heads=2)
    plain = layer(**QUERY)
    output, scores = layer(**QUERY, return_attention_scores=True)
    np.testing.assert_allclose(array(output), array(plain), atol=1e-6)
    np.testing.assert_allclose(array(scores).sum(-1), 1.0, atol=1e-5)
    assert array(scores)[0, :, :, :3].max() == 0.0


def test_scores_and_projections_give_the_output_back():
    layer = layers.CrossmodalAttention(num_heads=2)
    output, scores, queries, keys = layer(
        **QUERY, return_attention_scores=True, return_projections=True
    )
    source = QUERY["source"].astype("float64")
    value = source @ array(layer.value_projection.kernel) + array(layer.value_projection.bias)
    value = value.reshape(4, 7, 2, 4)
    logits = np.einsum("bqhd,bkhd->bhqk", array(queries, "float64"), array(keys)) / 2.0
    weights = np.exp(logits) * QUERY["source_mask"][:, None, None]
    weights /= weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(array(scores), weights, atol=1e-5)
    attended = np.einsum("bhqk,bkhd->bqhd", weights, value).reshape(4, 5, 8)
    projection = layer.output_projection
    expected = attended @ array(projection.kernel) + array(projection.bias)
    np.testing.assert_allclose(array(output), expected, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_attention_to_an_absent_source_adds_exactly_nothing(dropout):
    layer = layers.CrossmodalAttention(num_heads=2, dropout=dropout)
    layer.build((4, 5, 8), (4, 7, 8))
    layer.output_projection.bias.assign(np.ones(8))
    absent = np.zeros((4, 7), bool)
    output = layer(QUERY["query"], QUERY["source"], source_mask=absent)
    assert array(output).tolist() == np.zeros((4, 5, 8)).tolist()


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="num_heads=3, width 8"):
        layers.CrossmodalAttention(num_heads=3)(**QUERY)


def test_no_kernel_needs_keras_own_initialiser_to_be_mults():
    # One matrix of three times the width has limit sqrt(6 / (d + 3d)).
    layer = layers.CrossmodalAttention(num_heads=2)
    layer.build((4, 5, 64), (4, 7, 64))
    kernel = array(layer.query_projection.kernel)
    limit = (6.0 / (64 + 3 * 64)) ** 0.5
    assert 0.95 * limit < np.abs(kernel).max() <= limit


def test_a_block_has_the_parameters_of_the_papers_formula():
    block = layers.CrossmodalBlock(num_heads=10)
    block.build((None, None, 40))
    assert block.count_params() == 12 * 40**2 + 13 * 40


def test_a_gate_of_two_is_the_papers():
    first, second = sequence(5, 8), sequence(5, 8)
    gate = layers.MergeGate()
    merged, gates = gate([first, second], return_gates=True)
    assert gate.count_params() == 2 * 8**2 + 8
    kernel, bias = (array(w, "float64") for w in (gate.kernel, gate.bias))
    logits = first @ kernel[:8] + second @ kernel[8:] + bias
    share = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(array(gates)[:, :, 0], share, atol=1e-5)
    np.testing.assert_allclose(array(merged), share * first + (1 - share) * second, atol=1e-5)


def test_a_gate_of_three_is_a_softmax_with_a_zero():
    streams = [sequence(5, 8) for _ in range(3)]
    gate = layers.MergeGate()
    merged, gates = gate(streams, return_gates=True)
    logits = np.concatenate(streams, -1).astype("float64") @ array(gate.kernel)
    logits = np.stack([logits[..., :8], logits[..., 8:], np.zeros((4, 5, 8))], 2)
    shares = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    np.testing.assert_allclose(array(gates), shares, atol=1e-5)
    expected = (shares * np.stack(streams, 2)).sum(2)
    np.testing.assert_allclose(array(merged), expected, atol=1e-5)


def test_equal_streams_pass_the_gate_unchanged():
    x = sequence(5, 8)
    np.testing.assert_allclose(array(layers.MergeGate()([x, x])), x, atol=1e-6)


def test_positions_are_those_of_mult_without_a_mask():
    x = sequence(5, 8)
    x[0, 0] = 0.0
    placed = array(layers.SinusoidalPositions()(x)) - x * 8**0.5
    assert np.abs(placed[0, 0]).max() == 0.0
    np.testing.assert_allclose(placed[0, 1], placed[1, 1], atol=1e-5)
    np.testing.assert_allclose(placed[1, 0, 0], np.sin(1.0), atol=1e-5)


def test_positions_move_with_padding_on_the_left():
    x = sequence(5, 8)
    layer = layers.SinusoidalPositions()
    plain = layer(x, mask=np.ones((4, 5), bool))
    wide = np.concatenate([np.zeros((4, 3, 8), "float32"), x], 1)
    moved = layer(wide, mask=np.arange(8)[None] >= np.full((4, 1), 3))
    np.testing.assert_allclose(array(moved)[:, 3:], array(plain), atol=1e-5)
    assert np.abs(array(moved)[:, :3]).max() == 0.0


def test_an_absent_sequence_pools_to_zeros():
    x, absent = sequence(5, 8), np.zeros((4, 5), bool)
    for layer in (
        layers.MaskedPooling("mean"),
        layers.MaskedPooling("last"),
        layers.SelfAttentionSummary(num_layers=2, num_heads=2),
    ):
        assert np.abs(array(layer(x, mask=absent))).max() == 0.0


def test_the_summary_equals_the_last_step_of_the_whole_transformer():
    # The shortcut for the last layer is one: compute every query and take the last real one.
    x, valid = sequence(5, 8), mask(5)
    layer = layers.SelfAttentionSummary(num_layers=2, num_heads=2)
    summary = array(layer(x, mask=valid))
    z = layer.positions(x, mask=valid)
    for block in layer.blocks:
        z = block(z, source_mask=valid)
    z = array(layer.norm(z))
    last = [np.flatnonzero(row)[-1] for row in valid]
    np.testing.assert_allclose(summary, z[np.arange(4), last], atol=1e-5)


@pytest.mark.parametrize(
    "cls, options",
    [(layers.MMDRegularizer, {"estimator": "exact"}), (layers.PropagatedAlignment, {})],
)
def test_alignment_losses_exist_in_training_only(cls, options):
    arguments = {k: ops.convert_to_tensor(v) for k, v in ALIGNED.items()}
    values = []
    for weight in (1.0, 0.5):
        layer = cls(weight, **options)
        layer(**arguments, training=True)
        values.append(float(layer.losses[0]))
        quiet = cls(weight, **options)
        outputs = quiet(**arguments, training=False)
        assert quiet.losses == []
        assert array(outputs).tolist() == ALIGNED["inputs"].tolist()
    assert values[0] > 1e-3
    np.testing.assert_allclose(values[1], values[0] / 2, rtol=1e-5)


def test_a_list_of_layers_is_averaged():
    several = {**ALIGNED, "queries": [heads(5)] * 2, "keys": [heads(7)] * 2}
    single = {**several, "queries": several["queries"][0], "keys": several["keys"][0]}

    def loss(arguments, layer):
        arguments = {
            k: [ops.convert_to_tensor(x) for x in v] if isinstance(v, list) else v
            for k, v in arguments.items()
        }
        layer(**arguments, training=True)
        return float(layer.losses[0])

    one = loss(single, layers.MMDRegularizer(1.0, "exact"))
    two = loss(several, layers.MMDRegularizer(1.0, "exact"))
    np.testing.assert_allclose(two, one, rtol=1e-4)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="estimator"):
        layers.MMDRegularizer(estimator="fast")
    with pytest.raises(ValueError, match="tau=0"):
        layers.PropagatedAlignment(tau=0)
    with pytest.raises(ValueError, match="reduction"):
        layers.PropagatedAlignment(reduction="sum")
    with pytest.raises(ValueError, match="normalise"):
        layers.PropagatedAlignment(normalise="norm")
    with pytest.raises(ValueError, match="mode"):
        layers.MaskedPooling("max")
