"""Self-MM's made-up labels against the paper's formulas, written out."""

import numpy as np
from keras import ops

from kerasfuse.ops.label_shift import class_shift, shifted_label

RNG = np.random.default_rng(0)


def tensors(*arrays):
    return [ops.convert_to_tensor(x if x.dtype == bool else x.astype("float32")) for x in arrays]


def test_the_shift_compares_distances_to_two_centres():
    x, features = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 4))
    labels = np.array([[1.0], [2.0], [-1.0], [0.0], [-0.5], [3.0]])
    seen = np.array([[True]] * 5 + [[False]])
    positive, negative = features[[0, 1]].mean(0), features[[2, 4]].mean(0)
    near, far = (((x - c) ** 2).sum(1, keepdims=True) / 2.0 for c in (positive, negative))
    a, known = class_shift(*tensors(x, features, labels, seen))
    np.testing.assert_allclose(ops.convert_to_numpy(a), (far - near) / near, rtol=1e-4)
    assert bool(known)
    for kept in (labels > 0, labels < 0):
        a, known = class_shift(*tensors(x, features, labels, kept))
        assert np.isfinite(ops.convert_to_numpy(a)).all() and not bool(known)


def test_a_label_moves_by_a_sum_and_a_ratio():
    y, a, a_all = (RNG.uniform(0.1, 1.0, size=(5, 1)) for _ in range(3))
    wanted = y + (a - a_all) / 2 * (y + a_all) / a_all
    got = shifted_label(*tensors(y, a, a_all), 10.0)
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)
    assert ops.convert_to_numpy(shifted_label(*tensors(y, a, 0 * a), 3.0)).max() <= 3.0
