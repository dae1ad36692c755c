"""The last states of MISA's encoders."""

import numpy as np
from keras import ops

from kerasfuse.layers import BidirectionalLSTM

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 6)).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


def test_the_summary_is_where_each_direction_has_read_everything():
    mask = np.ones((3, 5), bool)
    mask[0, :2] = mask[1, 3:] = mask[2] = False
    sequence, summary = (array(x) for x in BidirectionalLSTM(4)(X, mask=mask))
    assert summary[0].tolist() == [*sequence[0, 4, :4], *sequence[0, 2, 4:]]
    assert summary[1].tolist() == [*sequence[1, 2, :4], *sequence[1, 0, 4:]]
    assert np.abs(summary[2]).max() == 0.0
