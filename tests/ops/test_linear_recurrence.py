"""The recurrence over all steps at once against a loop over them."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import linear_recurrence
from kerasfuse.ops.linear_recurrence import with_previous

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("steps", [1, 2, 7, 8])
def test_all_steps_at_once_are_the_loop(steps):
    decay = RNG.uniform(size=(3, steps, 4))
    increment = RNG.normal(size=(3, steps, 4))
    state, wanted = np.zeros((3, 4)), []
    for t in range(steps):
        state = decay[:, t] * state + increment[:, t]
        wanted.append(state)
    got = linear_recurrence(*(ops.convert_to_tensor(x, "float32") for x in (decay, increment)))
    np.testing.assert_allclose(ops.convert_to_numpy(got), np.stack(wanted, 1), atol=1e-6)


def test_zeros_and_ones_carry_exactly():
    x = RNG.normal(size=(1, 5, 2)).astype("float32")
    real = np.array([0, 1, 0, 0, 1], "float32")[None, :, None]
    got = linear_recurrence(
        ops.convert_to_tensor(1 - real), ops.convert_to_tensor((real * x).astype("float32"))
    )
    wanted = [np.zeros(2), x[0, 1], x[0, 1], x[0, 1], x[0, 4]]
    assert ops.convert_to_numpy(got)[0].tolist() == np.array(wanted, "float32").tolist()


def test_the_step_before_the_first_is_zeros():
    x = RNG.normal(size=(2, 3, 2)).astype("float32")
    got = ops.convert_to_numpy(with_previous(ops.convert_to_tensor(x)))
    assert got[:, 0, :2].tolist() == np.zeros((2, 2)).tolist()
    assert got[:, 1:, :2].tolist() == x[:, :-1].tolist()
    assert got[:, :, 2:].tolist() == x.tolist()
