"""What each strategy does to the gradients, step by step and epoch by epoch."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasfuse.training import AGM, MSES, MSLR, OGMGE, Modulated
from kerasfuse.training.callbacks import ModulationHistory, ModulationWindow
from kerasfuse.training.strategy import TRAINING, VALIDATION

RNG = np.random.default_rng(0)
NAMES = ["a", "b"]
RATE = 2.0**10
ON_TORCH = keras.config.backend() == "torch"
ON_TENSORFLOW = keras.config.backend() == "tensorflow"
torch_only = pytest.mark.skipif(not ON_TORCH, reason="compiles for long and differs nowhere")


def build(wide=4):
    """Convolutions over images, then concatenation and a linear layer: late fusion."""
    inputs = {m: keras.Input((6, 6, 1), name=m) for m in NAMES}
    z = []
    for m, x in inputs.items():
        x = layers.Conv2D(wide, 3, activation="tanh", name=f"conv_{m}")(x)
        z.append(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(3, dtype="float32", name="head", bias_initializer="ones")(
        layers.Concatenate()(z)
    )
    return keras.Model(inputs, x)


def data(size=12):
    x = {m: RNG.normal(size=(size, 6, 6, 1)).astype("float32") for m in NAMES}
    return x, RNG.integers(0, 3, size)


def compiled(strategy, model=None, rate=RATE):
    modulated = Modulated(model or build(), strategy)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    modulated.compile(keras.optimizers.SGD(rate), loss)
    return modulated


def gradients(model, x, y):
    """Return the update of a step of plain gradient descent, and put the weights back."""
    trained = getattr(model, "model", model)
    before = trained.get_weights()
    model.train_on_batch(x, y)
    found = [(b - a) / RATE for b, a in zip(before, trained.get_weights(), strict=True)]
    trained.set_weights(before)
    return found


def plain(model):
    twin = build(model.layers[2].filters)
    twin.set_weights(model.get_weights())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin.compile(keras.optimizers.SGD(RATE), loss)
    return twin


def sureness(model, x, y):
    """Return p_m of the unimodal logits W_m z_m + b / 2 of the concatenation head."""
    kernel, bias = (np.asarray(w, "float64") for w in model.get_layer("head").get_weights())
    encode = keras.Model(model.input, model.get_layer("head").input)
    z = keras.ops.convert_to_numpy(encode(x)).astype("float64")
    half, found = len(kernel) // 2, []
    for part in (slice(None, half), slice(half, None)):
        logits = z[:, part] @ kernel[part] + bias / 2
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        found.append(p[np.arange(len(y)), y].sum())
    return np.array(found)


@pytest.mark.parametrize("reference", ["one", "running"] if ON_TORCH else ["running"])
def test_ogm_slows_the_surer_modality(reference):
    model = build()
    modulated = compiled(OGMGE(0.8, noise=False, reference=reference), model)
    twin, mean = plain(model), 0.0
    for step in range(2):
        x, y = data()
        sure = sureness(model, x, y)
        rho = sure / sure[::-1]
        usual = mean if reference == "running" and step else np.ones(2)
        k = np.where(rho > usual, 1 - np.tanh(0.8 * rho / usual), 1.0)
        mean = (mean * step + rho) / (step + 1)

        modulated.strategy.reset_record()
        found, wanted = gradients(modulated, x, y), gradients(twin, x, y)
        seen = modulated.strategy.means()
        np.testing.assert_allclose(list(seen["ratio"].values()), rho, rtol=1e-4)
        np.testing.assert_allclose(list(seen["reference"].values()), usual, rtol=1e-4)
        np.testing.assert_allclose(list(seen["coefficient"].values()), k, rtol=1e-4)
        # Kernel and bias of a and b, then the head: only kernels of convolutions are scaled.
        for gradient, other, factor in zip(found, wanted, [k[0], 1, k[1], 1, 1, 1], strict=True):
            np.testing.assert_allclose(gradient, factor * other, rtol=1e-3, atol=1e-6)
    assert k.min() < 1 == k.max()


def test_shares_are_of_the_weights_before_the_step():
    """The graph optimizer of tensorflow let the head be updated first, now and then."""
    for _ in range(5 if ON_TENSORFLOW else 1):  # graphs, of which some did
        model = build()
        modulated = compiled(OGMGE(0.8, noise=False), model)
        for _ in range(10):
            x, y = data()
            sure = sureness(model, x, y)
            modulated.strategy.reset_record()
            gradients(modulated, x, y)
            found = list(modulated.strategy.means()["ratio"].values())
            np.testing.assert_allclose(found, sure / sure[::-1], rtol=1e-4)


@torch_only
def test_ogm_of_all_variables_and_of_equal_modalities():
    model = build()
    x, y = data()
    x["b"] = x["a"]
    for layer in ("conv_b", "head"):
        weights = model.get_layer("conv_a" if layer == "conv_b" else "head").get_weights()
        if layer == "head":
            weights[0][4:] = weights[0][:4]
        model.get_layer(layer).set_weights(weights)
    modulated = compiled(OGMGE(0.8, noise=False, variables="all"), model)
    for found, wanted in zip(
        gradients(modulated, x, y), gradients(plain(model), x, y), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)
    assert set(modulated.strategy.means()["coefficient"].values()) == {1.0}


@pytest.mark.parametrize(
    "strategy",
    [OGMGE(0.0)] + [OGMGE(0.0, variables="all"), AGM(0.0, noise=True)] * ON_TORCH,
)
def test_noise_has_the_deviation_of_each_gradient(strategy):
    model = build(wide=256)
    modulated, twin = compiled(strategy, model), plain(model)
    x, y = data()
    found, wanted = gradients(modulated, x, y), gradients(twin, x, y)
    noise = [a - b for a, b in zip(found, wanted, strict=True)]
    noisy = [0, 2] if getattr(strategy, "which", None) == "conv" else [0, 1, 2, 3]
    for i, (extra, gradient) in enumerate(zip(noise, wanted, strict=True)):
        if i not in noisy:
            np.testing.assert_allclose(extra, 0.0, atol=1e-6)
            continue
        assert extra.std() == pytest.approx(gradient.std(), rel=0.2)
        assert abs(extra.mean()) < 5 * gradient.std() / extra.size**0.5
    again = gradients(modulated, x, y)
    assert np.abs(again[0] - found[0]).max() > 0.1 * noise[0].std()  # drawn anew


def test_conv_wants_convolutions():
    inputs = {m: keras.Input((3,), name=m) for m in NAMES}
    z = [layers.Dense(4)(x) for x in inputs.values()]
    model = keras.Model(inputs, layers.Dense(3)(layers.Concatenate()(z)))
    with pytest.raises(ValueError, match="none in that of .*Take variables='all'"):
        Modulated(model, OGMGE(0.8))


def record(modulated, row, **means):
    """Write an epoch into the record of a strategy."""
    strategy = modulated.strategy
    values = np.zeros(strategy.record.shape)
    for quantity, numbers in means.items():
        values[row, {"error": 0, "accuracy": 4}[quantity]] = 10 * np.array(numbers)
    strategy.record.assign(values)
    strategy.samples.assign(10.0 * np.eye(2)[row])


def end_epoch(modulated):
    modulated.strategy.on_epoch_end(modulated._scaled.variables)


@torch_only
def test_mslr_follows_the_accuracy_of_each_modality():
    constants = {"a": 1.3, "b": 0.7}
    modulated = compiled(MSLR(constants))
    known = []
    for epoch in range(8):
        accuracy = RNG.uniform(0.1, 0.9, 2)
        record(modulated, VALIDATION if epoch else TRAINING, accuracy=accuracy)
        end_epoch(modulated)
        # By the five epochs before, once there are five.
        ratio = accuracy / np.mean(known[-5:], axis=0) if len(known) >= 5 else 1.0
        known.append(accuracy)
        wanted = np.array([1.3, 0.7]) * ratio
        factors = keras.ops.convert_to_numpy(modulated.strategy.factors)
        np.testing.assert_allclose(factors, wanted, rtol=1e-5)
    x, y = data()
    found, plainly = gradients(modulated, x, y), gradients(plain(modulated.model), x, y)
    for gradient, other, factor in zip(found, plainly, [*np.repeat(wanted, 2), 1, 1], strict=True):
        np.testing.assert_allclose(gradient, factor * other, rtol=1e-3, atol=1e-6)


@torch_only
def test_mses_stops_a_modality_and_brings_its_best_back():
    modulated = compiled(MSES({"a": 1, "b": 1}))
    best = {}
    before = None
    for epoch, a in enumerate([1.0, 0.5, 2.0, 2.0, 2.0]):
        error = np.array([a, 1.0 / (1 + epoch)])
        smoothed = error if before is None else 0.6 * before + 0.4 * error
        before = error
        best[epoch] = modulated.model.get_layer("conv_a").get_weights()
        record(modulated, VALIDATION, error=error)
        end_epoch(modulated)
        seen = keras.ops.convert_to_numpy(modulated.strategy.smoothed)
        np.testing.assert_allclose(seen, smoothed, rtol=1e-5)
        factors = keras.ops.convert_to_numpy(modulated.strategy.factors).tolist()
        # Least at epoch 1; not below it for two epochs, more than the patience of one, at 3.
        assert factors == [0.0 if epoch >= 3 else 1.0, 1.0]
        kernel = modulated.model.get_layer("conv_a").kernel
        if epoch == 3:
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(kernel), best[1][0])
        kernel.assign(keras.ops.convert_to_numpy(kernel) + 1.0)
    x, y = data()
    found = gradients(modulated, x, y)
    assert not found[0].any() and not found[1].any() and found[2].any()


def test_validation_is_watched_in_fit():
    modulated = compiled(MSLR({"a": 1.0, "b": 1.0}), rate=0.1)
    seen = []
    spy = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(modulated.strategy.samples_seen(VALIDATION))
    )
    x, y = data(8)
    modulated.fit(x, y, validation_data=data(5), epochs=2, verbose=0, callbacks=[spy])
    assert seen == [5.0, 5.0]
    assert float(keras.ops.convert_to_numpy(modulated.strategy.epochs)) == 2.0


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: MSLR({"a": 1.0, "b": -1.0}), "constants above 0"),
        (
            lambda: compiled(MSLR({"a": 1.0})),
            r"`constants` to have one value for each.*\['a', 'b'\]",
        ),
        (lambda: MSES({"a": 0, "b": 3}), "whole numbers of epochs"),
        (lambda: compiled(MSES({"a": 3, "c": 3})), "`patience` to have one value"),
        (lambda: OGMGE(-1.0), "alpha from 0"),
        (lambda: OGMGE(0.8, variables="convs"), "variables to be one of"),
        (lambda: AGM(-1.0), "alpha from 0"),
        (lambda: AGM(1.0, level="encoders"), "level to be one of"),
        (lambda: AGM(1.0, reference=2.0), "reference='running' or 1.0"),
    ],
)
def test_arguments_that_mean_nothing(make, told):
    with pytest.raises(ValueError, match=told):
        make()


# Callbacks.


def test_a_window_opens_and_closes():
    modulated = compiled(AGM(3.0), rate=0.1)
    history = ModulationHistory()
    x, y = data()
    logs = modulated.fit(
        x, y, batch_size=4, epochs=4, verbose=0, callbacks=[ModulationWindow(1, 2), history]
    ).history
    off = [k == 1.0 for k in logs["coefficient_a"]]
    assert off == [True, False, False, True]
    for name in ("error", "ratio", "reference", "coefficient", "accuracy"):
        for m in NAMES:
            assert history.epochs[name][m] == logs[f"{name}_{m}"] and len(logs[f"{name}_{m}"]) == 4
    assert all(0 <= a <= 1 for a in logs["accuracy_a"])
    assert logs["reference_a"][1] != 1.0  # the running mean went on
    assert float(keras.ops.convert_to_numpy(modulated.strategy.active)) == 1.0


@torch_only
def test_noise_is_off_outside_the_window():
    model = build()
    modulated, twin = compiled(OGMGE(0.8), model), plain(model)
    x, y = data()
    modulated.strategy.active.assign(0.0)
    for found, wanted in zip(gradients(modulated, x, y), gradients(twin, x, y), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


@torch_only
def test_the_figure_shows_every_modality(tmp_path):
    pytest.importorskip("matplotlib")
    modulated, history = compiled(AGM(1.0), rate=0.1), ModulationHistory()
    modulated.fit(*data(), epochs=2, verbose=0, callbacks=[history])
    figure = history.figure()
    assert len(figure.axes) == 4
    assert [line.get_label() for line in figure.axes[0].lines] == NAMES
    assert figure.axes[0].lines[1].get_ydata().tolist() == history.epochs["accuracy"]["b"]
    figure.savefig(tmp_path / "modulation.png")


@torch_only
def test_a_regression_has_no_accuracy():
    modulated, history = Modulated(build(), AGM(1.0)), ModulationHistory()
    modulated.compile("sgd", "mae")
    x, _ = data()
    y = RNG.normal(size=(12, 3)).astype("float32")
    logs = modulated.fit(x, y, verbose=0, callbacks=[history]).history
    assert "error_a" in logs and "accuracy_a" not in logs
    shares_error = modulated.strategy.means()["error"]
    assert all(np.isfinite(v) for v in shares_error.values())


def test_callbacks_want_a_modulated_model():
    model = build()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for callback in (ModulationHistory(), ModulationWindow(0, 3)):
        with pytest.raises(ValueError, match="Modulated"):
            model.fit(*data(), verbose=0, callbacks=[callback])
    with pytest.raises(ValueError, match="start=3, end=2"):
        ModulationWindow(3, 2)
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="at least one epoch"):
        ModulationHistory().figure()
