"""Frames go to the words that they are of."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import CTCAligner

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 2)).astype("float32")
MASK = np.ones((3, 6), bool)
MASK[1, 4:] = MASK[2] = False
WORDS = np.array([[0, 1, 0, 1], [1, 1, 0, 0], [1, 1, 1, 1]], bool)


def array(x):
    return ops.convert_to_numpy(x)


def test_a_word_gets_the_frames_by_their_shares():
    layer = CTCAligner(steps=3)
    aligned = array(layer(X, target_mask=WORDS, mask=MASK))
    scores = array(layer.lstm(X, mask=MASK)).astype("float64")
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True) * MASK[:, :, None]
    slots = np.einsum("btn,btw->bnw", shares[:, :, 1:], X)
    wanted = np.zeros((3, 4, 2))
    wanted[0, [1, 3]] = slots[0, [0, 2]]  # the missing word between them keeps its place
    wanted[1, [0, 1]] = slots[1, [0, 1]]
    np.testing.assert_allclose(aligned, wanted, atol=1e-6)


def test_the_loss_exists_in_training_only():
    layer = CTCAligner(steps=3, weight=2.0)
    layer(X, target_mask=WORDS, mask=MASK, training=False)
    assert layer.losses == []
    layer(*map(ops.convert_to_tensor, (X, WORDS, MASK)), training=True)
    assert array(layer.losses[0]) > 0
    with pytest.raises(ValueError, match="steps=0"):
        CTCAligner(steps=0)
