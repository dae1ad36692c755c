"""A muted modality is one of zeros, of full length, for every model of the library."""

import keras
import numpy as np
import pytest

from kerasfuse import layers, models
from kerasfuse.analysis.coalitions import CoalitionEvaluator
from kerasfuse.training import AGM, OGMGE, Modulated

ON_TORCH = keras.config.backend() == "torch"
TWO = {"text": 3, "audio": 2}
ATTENTIVE = {"dim": 4, "num_heads": 2, "num_layers": 1}
POOLED = {m: {"class": "MaskedPooling", "mode": "mean"} for m in TWO}

# Every model, and those of its arguments that decide what it sees of lengths. MAGBERT needs a BERT
# of keras-hub.
MODELS = [
    ("MulT", ATTENTIVE),
    ("MulT", {**ATTENTIVE, "mask_padding": False}),
    ("MulT", {**ATTENTIVE, "causal": True}),
    ("MICA", ATTENTIVE),
    ("HCTMG", ATTENTIVE),
    ("DAHB", {"dim": 8, "num_heads": 2, "feedforward_units": 6, "num_bottlenecks": 4}),
    ("TextGuidedTransformer", {**ATTENTIVE, "guide": "text"}),
    ("LateFusion", {"encoders": POOLED}),
    ("EarlyFusion", {"encoders": POOLED, "units": [4]}),
    ("FiLMFusion", {"encoders": POOLED}),
    ("GatedFusion", {"encoders": POOLED}),
    ("EFLSTM", {"dim": 4}),
    ("EFLSTM", {"dim": 4, "align_to": "text", "align_steps": 6}),
    ("LFLSTM", {"dim": 4}),
    ("TFN", {"dim": 4}),
    ("LMF", {"dim": 4, "rank": 2}),
    ("MFN", {"dim": 4}),
    ("GraphMFN", {"dim": 4}),
    ("MISA", {}),
    ("SelfMM", {"num_samples": 9}),
    ("MMIM", {}),
]
# Those that read the end of sequences, read in another way.
MODELS += [
    (name, {**arguments, "pooling": "attention"})
    for name, arguments in MODELS
    if name in ("MulT", "MICA", "HCTMG", "EFLSTM", "LFLSTM", "MFN", "GraphMFN")
    and arguments.keys() <= {"dim", "num_heads", "num_layers"}
]
MODELS += [
    ("TFN", {"dim": 4, "language_pooling": "attention"}),
    ("LMF", {"dim": 4, "rank": 2, "language_pooling": "mean"}),
    ("MISA", {"pooling": "mean"}),
    ("SelfMM", {"num_samples": 9, "pooling": "attention"}),
    ("MMIM", {"pooling": "attention"}),
]
NAMES = [f"{name}-{number}" for number, (name, _) in enumerate(MODELS)]
# Where a call is compiled, one row a class.
FIRST = [number for number, (name, _) in enumerate(MODELS) if name not in dict(MODELS[:number])]
HERE = range(len(MODELS)) if ON_TORCH else FIRST
# Where a training step is compiled: those that a muted sequence of one step would harm.
HARMED = [row for row in MODELS if row[0] in ("EFLSTM", "MFN", "GraphMFN") and len(row[1]) == 1]
HARMED += [MODELS[1]]


def widths(name):
    return {**TWO, "vision": 4} if name == "HCTMG" else TWO


def batch(name="MulT"):
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(3, 6, w)).astype("float32") for m, w in widths(name).items()}
    return x, rng.integers(0, 2, (3, 1)).astype("float32")


def build(name, arguments):
    keras.utils.set_random_seed(0)
    return getattr(models, name)(widths(name), **arguments)


def muted(x, members):
    return {m: values if m in members else np.zeros_like(values) for m, values in x.items()}


def test_no_model_is_left_out():
    # A model around others, and what makes a class known.
    others = {"MAGBERT", "FusionModel", "Scaled", "register"}
    assert {name for name, _ in MODELS} | others == set(models.__all__)


@pytest.mark.parametrize("number", HERE, ids=[NAMES[number] for number in HERE])
def test_a_muted_modality_is_zeros_of_full_length(number):
    name, arguments = MODELS[number]
    model, (x, _) = build(name, arguments), batch(name)
    cut = CoalitionEvaluator(model)
    features = cut.encode(x)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(cut.head(features)), model.predict(x, verbose=0), atol=1e-5
    )
    for members, output in cut.muted_inputs(x, features).items():
        wanted = model.predict(muted(x, members), verbose=0)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(output), wanted, atol=1e-5)


@pytest.mark.parametrize(("name", "arguments"), MODELS if ON_TORCH else HARMED, ids=str)
@pytest.mark.parametrize(
    "strategy",
    [
        lambda: AGM(alpha=1.0),
        lambda: AGM(alpha=1.0, level="encoder"),
        lambda: OGMGE(alpha=0.5, variables="all"),
    ][: 3 if ON_TORCH else 1],
    ids=["agm", "agm-encoder", "ogm-ge"][: 3 if ON_TORCH else 1],
)
def test_every_model_trains_under_every_strategy(name, arguments, strategy):
    x, y = batch(name)
    try:
        model = Modulated(build(name, arguments), strategy())
    except ValueError as error:
        # What modalities meet in at once has no encoders whose gradients could be scaled.
        assert "expected an encoder with variables for each modality" in str(error)
        assert name in ("EFLSTM", "LateFusion", "EarlyFusion", "FiLMFusion", "GatedFusion")
        return
    model.compile(keras.optimizers.SGD(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    assert np.isfinite(model.train_on_batch(x, y)).all()


def test_a_layer_that_two_modalities_share_is_no_obstacle():
    inputs = {m: keras.Input((None, 2), name=m) for m in ("left", "right")}
    scale, pool = keras.layers.Rescaling(0.5), layers.MaskedPooling("mean")
    vectors = [keras.layers.Dense(3)(pool(scale(x))) for x in inputs.values()]
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(vectors)))
    x = {m: batch()[0]["audio"] for m in inputs}
    cut = CoalitionEvaluator(model)
    for members, output in cut.muted_inputs(x, cut.encode(x)).items():
        wanted = model.predict(muted(x, members), verbose=0)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(output), wanted, atol=1e-5)
    fusion = Modulated(model, AGM(alpha=1.0))
    fusion.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    assert np.isfinite(fusion.train_on_batch(x, batch()[1]))
