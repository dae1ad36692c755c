"""The schedule against its formula, in an optimizer, and its edges."""

import keras
import numpy as np
import pytest

from kerasfuse.training import WarmupLinearDecay


@pytest.mark.parametrize(("warmup", "total"), [(4, 10), (0, 5), (1, 2)])
def test_it_climbs_and_falls(warmup, total):
    schedule = WarmupLinearDecay(0.3, warmup, total)
    rates = [float(schedule(step)) for step in range(total + 3)]
    climb = [0.3 * (t + 1) / warmup for t in range(warmup)]
    fall = [0.3 * (total - t) / (total - warmup) for t in range(warmup, total)]
    np.testing.assert_allclose(rates, [*climb, *fall, 0.0, 0.0, 0.0], rtol=1e-6, atol=1e-9)
    assert max(rates) == pytest.approx(0.3)


def test_an_optimizer_steps_by_it():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    model.compile(keras.optimizers.SGD(WarmupLinearDecay(0.4, 2, 4)), lambda y, z: z)
    seen = []
    for _ in range(5):
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        seen.append(float(model.get_weights()[0][0, 0]))
    np.testing.assert_allclose(-np.diff([0.0, *seen]), [0.2, 0.4, 0.4, 0.2, 0.0], atol=1e-6)


def test_round_trip_and_wrong_steps():
    schedule = WarmupLinearDecay(0.3, 4, 10)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.get_config() == schedule.get_config()
    for warmup, total in ((4, 4), (-1, 3)):
        with pytest.raises(ValueError, match="fewer than total_steps"):
            WarmupLinearDecay(0.3, warmup, total)
