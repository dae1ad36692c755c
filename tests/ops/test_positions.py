import numpy as np
import pytest

from kerasfuse.ops import sinusoid


@pytest.mark.parametrize("dim", [4, 30, 41])
def test_sinusoid_equals_its_formula(dim):
    positions = np.arange(0, 60)
    half = dim // 2
    rates = 10000.0 ** (-np.arange(half) / (half - 1))
    angles = positions[:, None] * rates
    expected = np.concatenate([np.sin(angles), np.cos(angles), np.zeros((60, dim % 2))], axis=1)
    np.testing.assert_allclose(np.array(sinusoid(positions, dim)), expected, atol=2e-5)
