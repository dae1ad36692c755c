"""A modulated model trains as its strategy says, and is the model itself in all else."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from kerasfuse.analysis.coalitions import CoalitionEvaluator
from kerasfuse.layers import Dropout
from kerasfuse.models import MICA
from kerasfuse.ops import coalitions
from kerasfuse.training import AGM, OGMGE, Modulated

RNG = np.random.default_rng(0)
WIDTHS = {"a": 3, "b": 4, "c": 2, "d": 3}
BACKEND = keras.config.backend()
ON_TORCH = BACKEND == "torch"
CLASSES = 3


def logits_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def build(names="ab", outputs=CLASSES, activation=None, extra=None):
    """Two layers of fusion after an encoder each, so that modalities meet nonlinearly."""
    inputs = {m: keras.Input((WIDTHS[m],), name=m) for m in names}
    z = []
    for m, x in inputs.items():
        x = layers.Dense(5, activation="tanh", name=f"encoder_{m}")(x)
        z.append(x if extra is None else extra()(x))
    x = layers.Dense(4, activation="tanh", name="fusion")(layers.Concatenate()(z))
    x = layers.Dense(outputs, activation=activation, dtype="float32", name="head")(x)
    return keras.Model(inputs, x)


def data(names="ab", size=24, classes=CLASSES):
    x = {m: RNG.normal(size=(size, WIDTHS[m])).astype("float32") for m in names}
    return x, RNG.integers(0, classes, size)


def pair(strategy, loss=None, optimizer=None, compiling=None, model=None, **kwargs):
    """Give a modulated model and a plain one with the same weights, both compiled."""
    make = model or (lambda: build(**kwargs))
    modulated, plain = make(), make()
    plain.set_weights(modulated.get_weights())
    modulated = Modulated(modulated, strategy)
    for each in (modulated, plain):
        each.compile(
            optimizer() if optimizer else keras.optimizers.SGD(0.1, momentum=0.9),
            logits_loss() if loss is None else loss,
            **(compiling or {}),
        )
    return modulated, plain


def fit(model, x, y, **kwargs):
    keras.utils.set_random_seed(7)
    kwargs = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **kwargs}
    return model.fit(x, y, **kwargs).history


def distance(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(np.abs(np.asarray(a, "float64") - b).max() for a, b in pairs)


# alpha = 0 is plain training.


class Normalised(layers.Layer):
    """Batch norm, then dropout from the global random numbers of torch."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = layers.BatchNormalization(), Dropout(0.3)

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x, training=None):
        return self.drop(self.norm(x, training=training), training=training)


@pytest.mark.parametrize(
    "names, extra, level",
    [
        ("abc", None, "encoder"),
        ("ab", Normalised if ON_TORCH else layers.BatchNormalization, "response"),
        # What compiles each model anew takes its time, and differs nowhere.
        *([("ab", None, "response"), ("abcd", Normalised, "response")] * ON_TORCH),
        *([("ab", Normalised, "encoder")] * ON_TORCH),
    ],
)
def test_alpha_0_is_plain_training(names, extra, level):
    modulated, plain = pair(
        AGM(0.0, level=level), names=names, extra=extra, compiling={"metrics": ["accuracy"]}
    )
    x, y = data(names)
    found, wanted = fit(modulated, x, y), fit(plain, x, y)
    assert set(found) == set(wanted)
    if ON_TORCH:
        assert distance(modulated.model, plain) == 0.0 and found == wanted
    else:
        assert distance(modulated.model, plain) < 1e-6
        np.testing.assert_allclose(found["loss"], wanted["loss"], atol=1e-6)


# torch.compile takes minutes.
COMPILING = {"run_eagerly": True} if ON_TORCH else {"jit_compile": True}
OPTIMIZERS = [
    lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    lambda: keras.optimizers.SGD(0.5, momentum=0.9, global_clipnorm=0.1),
]


@pytest.mark.parametrize("level", ["response", "encoder"])
def test_compiled_accumulated_and_clipped(level):
    for optimizer in OPTIMIZERS if ON_TORCH else OPTIMIZERS[level == "response" :][:1]:
        modulated, plain = pair(AGM(0.0, level), optimizer=optimizer, compiling=COMPILING)
        x, y = data()
        fit(modulated, x, y)
        fit(plain, x, y)
        assert distance(modulated.model, plain) < 1e-6


@pytest.mark.parametrize("level", ["response", "encoder"] if ON_TORCH else ["encoder"])
@pytest.mark.parametrize(
    "policy",
    [
        *(["mixed_bfloat16"] if BACKEND != "tensorflow" else []),
        *(["mixed_float16"] if BACKEND != "jax" else []),
    ],
)
def test_mixed_precision(level, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        modulated, plain = pair(AGM(0.0, level))
        strong = Modulated(build(), AGM(2.5, level, noise=True))
        strong.compile("sgd", logits_loss())
    finally:
        keras.config.set_dtype_policy(before)
    x, y = data()
    fit(modulated, x, y)
    fit(plain, x, y)
    # The head has both bits of noise of 8-bit mantissas; float32 master weights keep them small.
    assert distance(modulated.model, plain) < 2e-3
    fit(strong, x, y)
    assert all(np.isfinite(w).all() for w in strong.get_weights())
    assert all(0 < k < 100 for k in strong.strategy.means()["coefficient"].values())


# The gradient.


def numpy_output(weights, x, names, members, steps=None):
    """Return the logits of `build(names)` in float64, the modalities not in `members` zero."""
    z, rest = [], list(weights)
    for m in names:
        kernel, bias = rest[:2]
        rest = rest[2:]
        z.append(np.tanh((x[m] if m in members else np.zeros_like(x[m])) @ kernel + bias))
    hidden = np.tanh(np.concatenate(z, 1) @ rest[0] + rest[1])
    return hidden @ rest[2] + rest[3]


def numpy_shares(weights, x, names):
    """Return the Shapley shares over all orders of joining; nobody is worth 0."""
    from itertools import permutations

    orders = list(permutations(names))
    shares = {m: 0.0 for m in names}
    for order in orders:
        there, before = set(), 0.0
        for m in order:
            there.add(m)
            now = numpy_output(weights, x, names, there)
            shares[m] = shares[m] + (now - before) / len(orders)
            before = now
    return shares


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def oracle_errors(weights, x, y, names):
    shares = numpy_shares(weights, x, names)
    rows = np.arange(len(y))
    return np.array(
        [np.mean(-np.log(np.maximum(softmax(shares[m])[rows, y], 1e-8))) for m in names]
    )


def oracle_ratio(errors):
    count = len(errors)
    others = [np.mean([errors[j] for j in range(count) if j != m]) for m in range(count)]
    return np.exp(np.array(others) - errors)


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_the_update_is_the_modulated_jacobian(names):
    rate, alpha = 2.0**10, 2.0
    model = build(names)
    modulated = Modulated(model, AGM(alpha))
    modulated.compile(keras.optimizers.SGD(rate), logits_loss())
    x, y = data(names, size=6)
    x64 = {m: v.astype("float64") for m, v in x.items()}
    before = [np.asarray(w, "float64") for w in model.get_weights()]
    modulated.train_on_batch(x, y)
    found = [
        (b - np.asarray(a, "float64")) / rate
        for b, a in zip(before, model.get_weights(), strict=True)
    ]

    kappa = np.exp(alpha * (1.0 - oracle_ratio(oracle_errors(before, x64, y, names))))
    assert np.ptp(kappa) > 0.02
    g = softmax(numpy_output(before, x64, names, set(names)))
    g[np.arange(len(y)), y] -= 1
    g /= len(y)

    def modulated_sum(weights):
        shares = numpy_shares(weights, x64, names)
        return sum(k * np.sum(g * shares[m]) for k, m in zip(kappa, names, strict=True))

    for i, weight in enumerate(before):
        wanted = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            ends = []
            for h in (1e-5, -1e-5):
                moved = [w.copy() for w in before]
                moved[i][place] += h
                ends.append(modulated_sum(moved))
            wanted[place] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found[i], wanted, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("names, reference", [("abc", "running"), *([("ab", 1.0)] * ON_TORCH)])
def test_coefficients_over_50_steps(names, reference):
    alpha, cap = 1.5, 0.05
    modulated = Modulated(build(names), AGM(alpha, reference=reference, cap=cap))
    modulated.compile(keras.optimizers.SGD(0.3), logits_loss())
    mean, capped = np.zeros(len(names)), 0
    for t in range(50):
        x, y = data(names, size=8)
        weights = [np.asarray(w, "float64") for w in modulated.model.get_weights()]
        errors = oracle_errors(weights, x, y, names)
        ratio = oracle_ratio(errors)
        tau = oracle_ratio(mean) if reference == "running" else np.ones(len(names))
        kappa = np.exp(alpha * np.minimum(tau - ratio, cap))
        capped += (tau - ratio > cap).any()
        mean = mean * t / (t + 1) + errors / (t + 1)

        modulated.strategy.reset_record()
        modulated.train_on_batch(x, y)
        found = modulated.strategy.means()
        for quantity, wanted in (
            ("error", errors),
            ("ratio", ratio),
            ("reference", tau),
            ("coefficient", kappa),
        ):
            values = [found[quantity][m] for m in names]
            np.testing.assert_allclose(values, wanted, rtol=1e-4, err_msg=f"{quantity}, {t}")
        if t == 0:
            assert set(found["reference"].values()) == {1.0}
    assert capped > 5


def test_encoder_level_scales_the_gradients_of_the_encoders_alone():
    rate = 2.0**10
    model, plain = build("abc"), build("abc")
    plain.set_weights(model.get_weights())
    modulated = Modulated(model, AGM(2.0, level="encoder"))
    before = model.get_weights()
    x, y = data("abc", size=8)
    for each in (modulated, plain):
        each.compile(keras.optimizers.SGD(rate), logits_loss())
        each.train_on_batch(x, y)
    kappa = modulated.strategy.means()["coefficient"]
    assert max(kappa.values()) > 1 > min(kappa.values())
    assert distance(model, plain) > 1e-4
    factors = [kappa[m] for m in "abc" for _ in range(2)] + [1.0] * 4
    for old, new, other, factor in zip(
        before, model.get_weights(), plain.get_weights(), factors, strict=True
    ):
        np.testing.assert_allclose(old - new, factor * (old - other), rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not ON_TORCH, reason="float64 is switched off on jax, and the sum is the same")
def test_shares_add_up_in_float64():
    keras.config.set_floatx("float64")
    try:
        model = build("abc")
        x = {m: v.astype("float64") for m, v in data("abc")[0].items()}
        cut = CoalitionEvaluator(model)
        features = cut.encode(x)
        output = cut.head(features)
        worth = {s: keras.ops.convert_to_numpy(v) for s, v in cut.muted_inputs(x, features).items()}
    finally:
        keras.config.set_floatx("float32")
    output = keras.ops.convert_to_numpy(output)
    from kerasfuse.ops import shapley_values

    shares = shapley_values({**worth, frozenset("abc"): output, frozenset(): 0.0 * output})
    np.testing.assert_allclose(sum(shares.values()), output, atol=1e-6 * np.abs(output).max())


# The cut.


@pytest.mark.parametrize("extra", [None, layers.BatchNormalization])
def test_coalitions_are_the_model_with_zero_inputs(extra):
    model = build("abc", extra=extra)
    cut, (x, _) = CoalitionEvaluator(model), data("abc")
    assert [layer.name for layer in cut.encoders["a"]][0] == "encoder_a"
    assert cut.encoders_depend_on_mode == (extra is not None)
    found = cut.muted_inputs(x, cut.encode(x))
    assert list(found) == coalitions(list("abc"))
    for members, output in found.items():
        shown = {m: v if m in members else np.zeros_like(v) for m, v in x.items()}
        wanted = model.predict(shown, verbose=0)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(output), wanted, atol=1e-5)


@pytest.mark.skipif(not ON_TORCH, reason="compiles for long and differs nowhere")
def test_attention_models_are_cut_after_their_embeddings():
    widths = {"text": 6, "audio": 4, "vision": 5}
    model = MICA(widths, dim=4, num_heads=2, num_layers=1)
    x = {m: RNG.normal(size=(3, 4 + i, w)) for i, (m, w) in enumerate(widths.items())}
    x = {m: v.astype("float32") for m, v in x.items()}
    x["text"][0, 2:] = 0.0
    cut = CoalitionEvaluator(model)
    assert "text_projection" in [layer.name for layer in cut.encoders["text"]]
    found = cut.muted_inputs({**x, "vision": None}, cut.encode({**x, "vision": None}))
    for members, output in found.items():
        shown = {m: v if m in members - {"vision"} else np.zeros_like(v) for m, v in x.items()}
        wanted = model.predict(shown, verbose=0)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(output), wanted, atol=1e-5)


def test_an_attention_model_and_its_losses():
    widths = {"text": 6, "audio": 4}

    def make():
        dropouts = dict.fromkeys(
            ("embedding_dropout", "residual_dropout", "feedforward_dropout"), 0.0
        )
        sizes = {"dim": 4, "num_heads": 2, "num_layers": 1}
        return MICA(widths, beta=0.5, mmd_estimator="exact", **sizes, **dropouts)

    x = {m: RNG.normal(size=(8, 5, w)).astype("float32") for m, w in widths.items()}
    y = RNG.normal(size=(8, 1)).astype("float32")
    modulated, plain = pair(AGM(0.0), loss="mae", model=make)
    # Two graphs of an attention model are enough for those that compile.
    validation = {"validation_data": (x, y)} if ON_TORCH else {}
    found = fit(modulated, x, y, epochs=1, **validation)
    wanted = fit(plain, x, y, epochs=1, **validation)
    assert set(found) == set(wanted) == {"loss", "mmd", "alignment", *(["val_loss"] * ON_TORCH)}
    for name in found:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5)
    assert distance(modulated.model, plain) < 1e-6


# What stays the model's own.


def test_predict_evaluate_save_and_resume(tmp_path):
    modulated, plain = pair(AGM(2.5, level="encoder", noise=True))
    x, y = data()
    fit(modulated, x, y)
    plain.set_weights(modulated.model.get_weights())
    np.testing.assert_array_equal(modulated.predict(x, verbose=0), plain.predict(x, verbose=0))
    assert modulated.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0))
    modulated.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert not isinstance(loaded, Modulated)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), plain.predict(x, verbose=0), atol=1e-6)

    modulated.save_weights(tmp_path / "state.weights.h5")
    again, _ = pair(AGM(2.5, level="encoder", noise=True))
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "state.weights.h5")
    assert float(again.strategy.steps) == 6.0
    for each in (modulated, again):
        fit(each, x, y, epochs=1)
    assert distance(modulated.model, again.model) < 1e-6


def test_the_config_gives_the_same_back():
    modulated = Modulated(
        build(), AGM(1.5, "encoder", {"a": "encoder_a", "b": "encoder_b"}, 1.0, True, 7.0)
    )
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(modulated)))
    twin = keras.saving.deserialize_keras_object(config)
    assert twin.get_config()["strategy"] == modulated.get_config()["strategy"]
    strategies = [AGM(2.0), OGMGE(0.8, noise=False, variables="all", reference="running")]
    for strategy in strategies:
        assert type(strategy)(**strategy.get_config()).get_config() == strategy.get_config()


# Bad input.


def test_a_modality_that_is_zero_for_a_whole_batch():
    modulated, _ = pair(AGM(2.5))
    x, y = data()
    history = fit(modulated, {**x, "b": np.zeros_like(x["b"])}, y)
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(w).all() for w in modulated.get_weights())


def test_coefficients_never_overflow():
    # Squared errors of 1e8, whose differences are in the thousands; the weights do not move.
    modulated, _ = pair(AGM(4.0), "mse", lambda: keras.optimizers.SGD(0.0), outputs=1)
    x, _ = data()
    for y in (np.full(24, 1e4), np.full(24, -1e4)):
        fit(modulated, x, y.astype("float32"), epochs=1)
        found = modulated.strategy.means()
        assert np.isfinite([*found["coefficient"].values(), *found["reference"].values()]).all()
    with pytest.raises(ValueError, match="alpha \\* cap up to 40.*alpha=4.5, cap=10"):
        AGM(4.5)


def test_models_that_are_refused():
    x = keras.Input((3,), name="a")
    alone = keras.Model({"a": x}, layers.Dense(2)(x))
    with pytest.raises(ValueError, match=r"at least two modalities.*\['a'\]"):
        Modulated(alone, AGM(1.0))
    with pytest.raises(ValueError, match="expected a functional keras.Model"):
        Modulated(keras.Sequential([layers.Dense(2)]), AGM(1.0))
    strategy = AGM(1.0)
    Modulated(build(), strategy)
    with pytest.raises(ValueError, match="new strategy for each model"):
        Modulated(build(), strategy)


@pytest.mark.parametrize(
    "strategy, kwargs, loss, told",
    [
        (AGM, {}, "sparse_categorical_crossentropy", r"SparseCategoricalCrossentropy\(from_logits"),
        (AGM, {}, "categorical_crossentropy", r"CategoricalCrossentropy\(from_logits=True"),
        (AGM, {}, "binary_crossentropy", r"BinaryCrossentropy\(from_logits=True"),
        (AGM, {}, keras.losses.SparseCategoricalCrossentropy(), "as logits, not as prob"),
        (AGM, {"activation": "softmax"}, None, "ends in softmax. Leave that activation out"),
        (AGM, {}, "huber", "MeanAbsoluteError.*Received: loss='huber'"),
        (lambda a: OGMGE(a, variables="all"), {"outputs": 1}, "mse", "AGM takes regressions"),
    ],
)
def test_losses_that_are_refused(strategy, kwargs, loss, told):
    with pytest.raises(ValueError, match=told):
        pair(strategy(1.0), loss, **kwargs)


def test_names_that_the_model_does_not_have():
    modulated, _ = pair(AGM(1.0))
    x, y = data()
    with pytest.raises(ValueError, match="such as b, a. Received: 'bb'|Received: 'bb'"):
        modulated({"a": x["a"], "bb": x["b"]}, training=True)
    with pytest.raises(ValueError, match=r"expected every modality.*\['b'\]"):
        modulated({"a": x["a"]})
    with pytest.raises(ValueError, match="name of a modality.*Received: 'audio'"):
        Modulated(build(), AGM(1.0, "encoder", {"audio": "encoder_a"}))
    with pytest.raises(ValueError, match="encoder_a.*Received: 'encoder_x'"):
        Modulated(build(), AGM(1.0, "encoder", {"a": "encoder_x", "b": "encoder_b"}))
    with pytest.raises(ValueError, match=r"expected an encoder for each.*\['b'\]"):
        Modulated(build(), AGM(1.0, "encoder", {"a": "encoder_a"}))


def test_labels_outside_the_classes():
    modulated, _ = pair(AGM(1.0))
    x, y = data()
    for wrong in (CLASSES, -1):
        y[3] = wrong
        with pytest.raises(ValueError, match=f"labels from 0 to 2.*such as .*{wrong}"):
            modulated.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        modulated.train_on_batch(x, y)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lion"])
def test_adam_undoes_encoder_level(optimizer):
    with pytest.warns(UserWarning, match="Use keras.optimizers.SGD with momentum"):
        pair(AGM(1.0, level="encoder"), optimizer=lambda: optimizer)
    pair(AGM(1.0), optimizer=lambda: optimizer)  # errors are warnings here


def test_variables_are_those_of_the_model_and_one_more():
    modulated = Modulated(build(), AGM(1.0, "encoder"))
    own = {id(v) for v in modulated.model.trainable_variables}
    more = [v.name for v in modulated.trainable_variables if id(v) not in own]
    assert more == ["carrier"] and len(modulated.trainable_variables) == len(own) + 1
    modulated.compile(keras.optimizers.SGD(0.1, momentum=0.9), logits_loss())
    modulated.optimizer.build(modulated.trainable_variables)
    trained = {id(v) for v in modulated.trainable_variables}
    assert not trained & {id(v) for v in modulated.optimizer.variables}
