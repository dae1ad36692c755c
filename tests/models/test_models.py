"""The contract of every model, one row each, and what all of them share."""

import keras
import numpy as np
import pytest
from harness import check_model

from kerasfuse.models import (
    DAHB,
    EFLSTM,
    HCTMG,
    LFLSTM,
    LMF,
    MFN,
    MICA,
    MISA,
    MMIM,
    TFN,
    GraphMFN,
    MulT,
    SelfMM,
)

RNG = np.random.default_rng(0)
WIDTHS = {"text": 6, "audio": 4, "vision": 5}
STEPS = {"text": 5, "audio": 9, "vision": 7}
TWO = {"text": 6, "audio": 4}
ON_TORCH = keras.config.backend() == "torch"
SMALL = {"dim": 8, "num_heads": 2, "num_layers": 2 if ON_TORCH else 1}

TINY = {"dim": 8, "num_heads": 2, "feedforward_units": 6, "num_bottlenecks": 4}

# class, modalities, constructor arguments, names of auxiliary losses. Two modalities where three
# would only take longer; on the backends that compile each model for half a minute, fewer still.
CONTRACTS = [
    (MulT, TWO, SMALL, ()),
    (MICA, TWO, {**SMALL, "beta": 0.5}, ("mmd", "alignment")),
    (HCTMG, WIDTHS, {**SMALL, "gate": "fixed", "primary": "audio"}, ()),
    (DAHB, TWO, {**TINY, "variant": "release", "encoder_layers": 1}, ("contrast",)),
]
if ON_TORCH:
    CONTRACTS += [
        (MulT, TWO, {**SMALL, "alpha": 0.8, "beta": 0.5, "tau": 0.25}, ("mmd", "alignment")),
        (MulT, WIDTHS, SMALL, ()),
        *[
            (HCTMG, WIDTHS, {**SMALL, "num_layers": 1, "gate": gate}, ())
            for gate in ("straight_through", "straight_through_gumbel", "soft")
        ],
        (MICA, WIDTHS, {**SMALL, "beta": 0.5}, ("mmd", "alignment")),
        (MICA, TWO, {**SMALL, "alpha": 0.0, "beta": 0.0, "low_level_source": True}, ()),
        (MICA, TWO, {**SMALL, "mmd_estimator": "exact"}, ("mmd",)),
        (DAHB, WIDTHS, {**TINY, "pair_layout": "all_negatives"}, ("contrast",)),
        *[
            (DAHB, TWO, {**TINY, "anchor": "audio", "fusion": fusion, "contrast_weight": 0.0}, ())
            for fusion in ("concatenation", "self_attention", "cross_attention", "bottleneck")
        ],
        *[
            (DAHB, TWO, {**TINY, "variant": "release", "fusion": fusion}, ("contrast",))
            for fusion in ("self_attention", "cross_attention")
        ],
        (DAHB, TWO, {**TINY, "norm": "branch", "activation": "gelu"}, ("contrast",)),
        (DAHB, TWO, {**TINY, "temporal": False, "semantic": False}, ("contrast",)),
        (
            MICA,
            TWO,
            {**SMALL, "beta": 0.5, "propagate": False, "attention_dropout": 0.1},
            ("mmd", "alignment"),
        ),
    ]
# Models of aligned sequences, as they are and, on torch, with an aligner before them.
MEMORY = {"dim": 6, "memory_dim": 4, "memory_units": 5, "hidden_units": [5]}
ALIGNED = [
    (EFLSTM, WIDTHS, {"dim": 6, "hidden_units": [5], "output_dropout": 0.1}),
    (MFN, TWO, {**MEMORY, "attention_units": 5, "memory_dropout": 0.1}),
    (GraphMFN, TWO, {**MEMORY, "vertex_dim": 4, "graph_units": 5, "graph_dropout": 0.1}),
]
AVERAGED = ["text"] if ON_TORCH else ["text", "audio"]
CONTRACTS += [
    (LFLSTM, TWO, {"dim": {"text": 6, "audio": 4}, "num_layers": 2, "hidden_units": [5]}, ()),
    (TFN, TWO, {"dim": 4, "hidden_units": [5], "output_range": [-3, 3]}, ()),
    (LMF, TWO, {"dim": 4, "rank": 2, "language": "audio", "pooling": "last"}, ()),
    (EFLSTM, TWO, {"dim": 6, "hidden_units": [5], "align_to": "text", "align_steps": 4}, ("ctc",)),
    (
        MISA,
        TWO,
        {"dim": 4, "lstm_units": 3, "feedforward_units": 6, "averaged": AVERAGED},
        ("similarity", "difference", "reconstruction"),
    ),
    (
        MMIM,
        TWO,
        {"lstm_units": 3, "encoding_dim": 3, "dim": 5, "averaged": AVERAGED},
        ("likelihood", "entropy", "contrastive"),
    ),
    (SelfMM, TWO, {"num_samples": 4, "lstm_units": 3, "dim": 5, "unimodal_dim": 4}, ("unimodal",)),
]
if ON_TORCH:
    CONTRACTS += [
        (cls, widths, {**kwargs, "align_to": "text", "align_steps": 4}, ("ctc",))
        for cls, widths, kwargs in ALIGNED[1:]
    ]
torch_only = pytest.mark.skipif(not ON_TORCH, reason="compiles for minutes and differs nowhere")


def batch(widths, size=4, steps=STEPS):
    inputs = {
        m: RNG.normal(size=(size, steps.get(m, 6), w)).astype("float32") for m, w in widths.items()
    }
    for x in inputs.values():
        x[0, :2] = 0.0
        x[1, -2:] = 0.0
        x[2, 2] = 0.0
    return inputs


@pytest.mark.parametrize(
    "cls, widths, kwargs, auxiliary",
    CONTRACTS,
    ids=[f"{row[0].__name__}-{i}" for i, row in enumerate(CONTRACTS)],
)
def test_contract(cls, widths, kwargs, auxiliary):
    check_model(
        lambda: cls(widths, **kwargs),
        batch(widths),
        RNG.normal(size=(4, 1)).astype("float32"),
        expected_output_shape=(4, 1),
        auxiliary=auxiliary,
        # The tasks of single modalities, which begin when a sample comes for the second time.
        without_gradient=[f"{m}_(feature|hidden|scores)/" for m in widths if cls is SelfMM],
    )


@pytest.mark.parametrize("cls, widths, kwargs", ALIGNED, ids=[x[0].__name__ for x in ALIGNED])
def test_contract_of_aligned_sequences(cls, widths, kwargs):
    check_model(
        lambda: cls(widths, **kwargs),
        batch(widths, steps={}),
        RNG.normal(size=(4, 1)).astype("float32"),
        expected_output_shape=(4, 1),
        aligned=True,
    )


@pytest.mark.parametrize("cls", [x[0] for x in ALIGNED])
def test_sequences_that_are_not_aligned_are_sent_to_the_aligner(cls):
    with pytest.raises(ValueError, match=r"align_to.*CTCAligner.*'text': 5, 'audio': 9"):
        cls(TWO)(batch(TWO))
    with pytest.raises(ValueError, match="align_to='words'"):
        cls(TWO, align_to="words")


def test_sequences_that_cease_to_be_aligned_are_told_while_a_graph_runs():
    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            steps = [{"text": 5, "audio": 5}, {"text": 6, "audio": 6}, STEPS][index]
            return (batch(TWO, steps=steps),)

    with pytest.raises(Exception, match="align_to"):
        EFLSTM(TWO, dim=2, hidden_units=[]).predict(Data(), verbose=0)


@torch_only
@pytest.mark.parametrize("cls", [MulT, MICA])
@pytest.mark.parametrize("number", [2, 4])
def test_any_number_of_modalities_from_two(cls, number):
    widths = {f"sensor_{i}": 3 + i for i in range(number)}
    model = cls(widths, num_outputs=3, alpha=0.1, beta=0.1, **SMALL)
    model.compile("sgd", "mse")
    history = model.fit(batch(widths), np.zeros((4, 3)), verbose=0).history
    assert np.isfinite([history[k][0] for k in ("loss", "mmd", "alignment")]).all()
    assert model.predict(batch(widths), verbose=0).shape == (4, 3)


@pytest.mark.parametrize("cls", [MulT, MICA] if ON_TORCH else [MICA])
def test_the_number_of_losses_is_one_of_each_kind_a_pair(cls):
    seen = []

    class Counting(cls):
        def compute_loss(self, *args, **kwargs):
            seen.append(len(self.losses))
            return super().compute_loss(*args, **kwargs)

    counting = Counting(TWO, alpha=0.8, beta=0.5, **SMALL)
    counting.compile("sgd", "mae")
    counting.fit(batch(TWO), np.zeros((4, 1)), verbose=0)
    # Keras also calls it once without a step, to build the metrics.
    assert set(seen) - {0} == {4}


@torch_only
def test_logged_losses_are_means_without_their_weight():
    dropouts = ("embedding_dropout", "residual_dropout", "feedforward_dropout")
    options = {**SMALL, **dict.fromkeys(dropouts, 0.0), "mmd_estimator": "exact"}
    model = MICA(WIDTHS, alpha=0.8, beta=0.5, **options)
    twin = MICA(WIDTHS, alpha=0.2, beta=0.1, **options)
    twin.set_weights(model.get_weights())
    inputs, targets = batch(WIDTHS), np.zeros((4, 1))
    logs = []
    for each in (model, twin):
        each.compile(keras.optimizers.SGD(0.0), "mae")
        logs.append(each.train_on_batch(inputs, targets, return_dict=True))
    task = logs[0]["loss"] - 0.8 * logs[0]["mmd"] - 0.5 * logs[0]["alignment"]
    expected = task + 0.2 * logs[0]["mmd"] + 0.1 * logs[0]["alignment"]
    np.testing.assert_allclose(logs[1]["mmd"], logs[0]["mmd"], rtol=1e-4)
    np.testing.assert_allclose(logs[1]["loss"], expected, rtol=1e-4)


@torch_only
@pytest.mark.parametrize("cls", [MulT, MICA])
def test_every_intermediate_can_be_extracted(cls):
    model = cls(WIDTHS, **SMALL)
    inputs = batch(WIDTHS)
    values = model.extract(*model.intermediates).predict(inputs, verbose=0)
    attention = values["attention/1/audio_to_text"]
    assert attention.shape == (4, 5, 9)
    np.testing.assert_allclose(attention.sum(-1), 1.0, atol=1e-5)
    assert attention[0, :, :2].max() == 0.0
    assert values["queries/0/audio_to_text"].shape == (4, 5, 2, 4)
    assert values["keys/0/audio_to_text"].shape == (4, 9, 2, 4)
    if cls is MICA:
        assert values["gate/1/vision"].shape == (4, 7, 2, 8)


def test_an_unknown_intermediate_offers_the_nearest():
    model = MICA(WIDTHS, **SMALL)
    with pytest.raises(ValueError, match="attention/0/audio_to_text"):
        model.extract("attention/0/audio_text")


@pytest.mark.parametrize(
    "inputs, told",
    [
        ({"text": 6, "audio": 4}, r"\['audio', 'text'\]"),
        ({"text": 6, "audio": 4, "video": 5}, "'video'"),
        ({"text": 6, "audio": 4, "vision": 3}, r"'vision' to have shape \(batch, steps, 5\)"),
    ],
)
def test_wrong_modalities_are_told(inputs, told):
    model = MICA(WIDTHS, **SMALL)
    with pytest.raises(ValueError, match=told):
        model(batch(inputs))


def test_wrong_constructor_arguments_are_told():
    with pytest.raises(ValueError, match="at least two"):
        MICA({"text": 3})
    with pytest.raises(ValueError, match="kernel_sizes"):
        MICA(WIDTHS, kernel_sizes={"text": 3})
    for model in (MICA, MulT):
        with pytest.raises(ValueError, match="num_layers=0"):
            model(WIDTHS, num_layers=0)
    with pytest.raises(ValueError, match="num_heads=3"):
        MICA(WIDTHS, dim=8, num_heads=3)


@torch_only
def test_without_propagation_is_another_loss():
    inputs, logs = batch(WIDTHS), []
    for propagate in (True, False):
        # The same weights and the same dropout.
        keras.utils.set_random_seed(0)
        model = MICA(WIDTHS, propagate=propagate, alpha=0.0, beta=0.5, **SMALL)
        model.compile(keras.optimizers.SGD(0.0), "mae")
        logs.append(model.train_on_batch(inputs, np.zeros((4, 1)), return_dict=True))
    assert logs[0]["alignment"] != pytest.approx(logs[1]["alignment"], rel=1e-3)
    # Nothing else is another: the outputs are the same.
    task, other = (log["loss"] - 0.5 * log["alignment"] for log in logs)
    assert task == pytest.approx(other, rel=1e-5)
