import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import mmd


def oracle(x, y, bandwidth=None):
    """Squared MMD by its definition, float64."""
    z = np.concatenate([x, y]).astype("float64")
    squares = ((z[:, None] - z[None]) ** 2).sum(-1)
    bandwidth = squares.mean() if bandwidth is None else bandwidth
    kernel = sum(np.exp(-squares / (bandwidth * 2.0**u)) for u in range(-2, 3))
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype("float32")
    y = (1.5 * rng.normal(size=(45, 5)) + 0.7).astype("float32")
    return x, y


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("bandwidth", ["differentiated", "detached", 3.0])
def test_exact_equals_the_definition(sets, bandwidth):
    x, y = sets
    value = float(mmd(x, y, bandwidth=bandwidth))
    fixed = bandwidth if isinstance(bandwidth, float) else None
    np.testing.assert_allclose(value, oracle(x, y, fixed), rtol=1e-4)


@pytest.mark.usefixtures("either_device")
def test_blocks_change_nothing(sets, monkeypatch):
    x, y = sets
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.maximum_mean_discrepancy.{name}", 700)
    np.testing.assert_allclose(float(mmd(x, y)), oracle(x, y), rtol=1e-4)


def test_it_is_zero_for_equal_sets_symmetric_and_blind_to_order(sets):
    x, y = sets
    assert abs(float(mmd(x, x))) < 1e-6
    np.testing.assert_allclose(float(mmd(x, y)), float(mmd(y, x)), rtol=1e-4)
    np.testing.assert_allclose(float(mmd(x[::-1].copy(), y)), float(mmd(x, y)), rtol=1e-4)


def test_masked_elements_do_not_count(sets):
    x, y = sets
    wide = np.concatenate([x, np.full((9, 5), 50.0, "float32")])
    mask = np.arange(69) < 60
    np.testing.assert_allclose(float(mmd(wide, y, x_mask=mask)), oracle(x, y), rtol=1e-4)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("estimator", ["exact", "random_features", "subsample"])
def test_an_empty_side_gives_zero(sets, estimator):
    x, y = sets
    value = mmd(x, y, y_mask=np.zeros(45, bool), estimator=estimator, max_elements=16)
    assert float(value) == 0.0


def test_groups_are_independent(sets):
    x, y = sets
    values = np.array(mmd(np.stack([x, 2 * x]), np.stack([y, x[:45]])))
    np.testing.assert_allclose(values, [oracle(x, y), oracle(2 * x, x[:45])], rtol=1e-4)


def gradient_step(x, y, **kwargs):
    """Return the gradient of the MMD in x, by one step of SGD on x as a weight."""

    @keras.saving.register_keras_serializable("tests")
    class Shifted(keras.layers.Layer):
        def build(self, shape):
            self.x = self.add_weight(shape=x.shape, initializer=keras.initializers.Zeros())

        def call(self, inputs):
            return ops.reshape(mmd(self.x, inputs[0], **kwargs), (1, 1))

        def compute_output_shape(self, shape):
            return (1, 1)

    layer = Shifted()
    model = keras.Sequential([keras.Input((*y.shape,), batch_size=1), layer])
    layer.x.assign(x)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda truth, value: value)
    model.fit(y[None], np.zeros((1, 1)), verbose=0)
    return x - np.array(layer.x)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("entries", [2**19, 700])
@pytest.mark.parametrize("bandwidth", ["differentiated", "detached"])
def test_the_gradient_equals_central_differences(sets, monkeypatch, entries, bandwidth):
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.maximum_mean_discrepancy.{name}", entries)
    x, y = sets
    base = None
    if bandwidth == "detached":  # differences hold what the gradient holds
        z = np.concatenate([x, y]).astype("float64")
        base = ((z[:, None] - z[None]) ** 2).sum(-1).mean()
    gradient = gradient_step(x, y, bandwidth=bandwidth)
    for index in [(0, 0), (7, 3), (59, 4)]:
        step = np.zeros_like(x, "float64")
        step[index] = 1e-4
        difference = (oracle(x + step, y, base) - oracle(x - step, y, base)) / 2e-4
        np.testing.assert_allclose(gradient[index], difference, rtol=5e-3, atol=1e-6)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("estimator", ["exact", "random_features", "subsample"])
def test_only_a_detached_bandwidth_makes_it_pay_to_shrink(sets, estimator):
    x, y = sets
    centre = np.concatenate([x, y]).mean(axis=0)
    options = {"estimator": estimator, "seed": 1, "max_elements": 256}

    def pull(bandwidth):
        """Derive the MMD by a common scale of both sets: how much it falls as they shrink."""
        pulls = []
        for these, others in ((x, y), (y, x)):
            gradient = gradient_step(these, others, bandwidth=bandwidth, **options)
            pulls.append(np.sum(gradient * (these - centre)))
        return sum(pulls)

    assert pull("detached") > 0.02
    assert abs(pull("differentiated")) < 1e-5


@pytest.mark.parametrize("bandwidth", [None, "free", 0.0, float("nan"), True])
def test_what_is_no_bandwidth_is_refused(sets, bandwidth):
    with pytest.raises(ValueError, match="'differentiated', 'detached' or a positive number"):
        mmd(*sets, bandwidth=bandwidth)


@pytest.mark.usefixtures("either_device")
def test_random_features_come_close_and_closer_with_more_of_them():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5)).astype("float32")
    y = (rng.normal(size=(400, 5)) + 0.5).astype("float32")
    exact = oracle(x, y)

    def errors(num_features):
        values = [
            float(mmd(x, y, estimator="random_features", num_features=num_features, seed=s))
            for s in range(30)
        ]
        return (np.array(values) - exact) / exact

    few, many = errors(64), errors(1024)
    assert np.sqrt((many**2).mean()) < 0.10
    # 16 times as many features: a quarter of the error, within what 30 seeds can tell.
    ratio = np.sqrt((few**2).mean() / (many**2).mean())
    assert 2.4 < ratio < 6.5
    assert abs(few.mean()) < 3 * few.std() / 30**0.5


@pytest.mark.usefixtures("either_device")
def test_subsample_takes_valid_elements_only(sets):
    x, y = sets
    wide = np.concatenate([x, np.full((500, 5), 50.0, "float32")])
    mask = np.arange(560) < 60
    values = [
        float(mmd(wide, y, x_mask=mask, estimator="subsample", max_elements=40, seed=s))
        for s in range(20)
    ]
    # A V-statistic of fewer elements is biased upwards; an intruder at 50 would give about 5.
    assert oracle(x, y) * 0.7 < np.mean(values) < oracle(x, y) + 0.3


def test_an_unknown_estimator_and_two_widths_are_refused(sets):
    x, y = sets
    with pytest.raises(ValueError, match="estimator"):
        mmd(x, y, estimator="fast")
    with pytest.raises(ValueError, match="one width"):
        mmd(x, y[:, :3])
