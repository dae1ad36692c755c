"""The summary of a recurrence that reads both ways."""

import numpy as np
from keras import ops

from kerasfuse.layers import BidirectionalLSTM, LSTMEncoder

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


def test_an_encoder_pools_what_both_directions_saw_and_drops_in_training_alone():
    mask = np.ones((3, 5), bool)
    mask[0, :2] = mask[2] = False
    encoder = LSTMEncoder(4, dropout=0.5, pooling="mean")
    vector = array(encoder(X, mask=mask))
    sequence, _ = encoder.recurrence(X, mask=mask)
    np.testing.assert_allclose(vector[0], array(sequence)[0, 2:].mean(axis=0), atol=1e-6)
    assert np.abs(vector[2]).max() == 0.0
    dropped = array(encoder(X, mask=mask, training=True))
    assert (dropped[:2] == 0.0).any()
