"""The loss of an order without times against all paths, counted one by one."""

import itertools

import numpy as np
from keras import ops

from kerasfuse.ops import monotone_ctc_loss

RNG = np.random.default_rng(0)


def oracle(scores, mask, count):
    """Add up every path that reads 1 2 ... n."""
    shares = np.exp(scores[mask].astype("float64"))
    shares /= shares.sum(-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(scores.shape[-1]), repeat=len(shares)):
        read = [label for label, _ in itertools.groupby(path) if label]
        if read == list(range(1, count + 1)):
            total += np.prod([share[label] for share, label in zip(shares, path, strict=True)])
    return -np.log(total)


def test_the_loss_is_that_of_all_paths():
    scores = RNG.normal(size=(4, 5, 4)).astype("float32")
    mask = np.ones((4, 5), bool)
    mask[1, :2] = mask[2, 4:] = mask[3, 1] = False
    count = np.array([3, 2, 3, 1], "int32")
    got = monotone_ctc_loss(*map(ops.convert_to_tensor, (scores, mask, count)))
    wanted = [oracle(*sample) for sample in zip(scores, mask, count, strict=True)]
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)


def test_what_no_frames_can_tell_adds_nothing():
    scores = RNG.normal(size=(3, 4, 4)).astype("float32")
    mask = np.zeros((3, 4), bool)
    mask[0, :2] = mask[2] = True
    count = np.array([3, 1, 0], "int32")  # two frames for three labels, no frame, no label
    got = monotone_ctc_loss(*map(ops.convert_to_tensor, (scores, mask, count)))
    assert ops.convert_to_numpy(got).tolist() == [0.0, 0.0, 0.0]
