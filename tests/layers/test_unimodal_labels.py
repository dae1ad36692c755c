"""Self-MM's labels over several epochs against a table kept in numpy."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import UnimodalLabels

RNG = np.random.default_rng(0)
EPOCHS, SAMPLES = 4, 6
FEATURES = RNG.normal(size=(EPOCHS, 3, SAMPLES, 4)).astype("float32")
SCORES = RNG.normal(size=(EPOCHS, 2, SAMPLES, 1)).astype("float32")
LABELS = np.array([1.0, -2.0, 0.5, -0.5, 3.0, 0.0], "float32")[:, None]


def step(layer, epoch, rows, labels, numbered=True):
    """Show the layer a batch and return its loss."""
    features = [ops.convert_to_tensor(x[rows]) for x in FEATURES[epoch]]
    scores = [ops.convert_to_tensor(x[rows]) for x in SCORES[epoch]]
    layer(scores[0], features=features, scores=scores, training=True)
    numbers = ops.convert_to_tensor(np.array(rows, "int32")) if numbered else None
    return float(
        ops.convert_to_numpy(layer.label_loss(ops.convert_to_tensor(labels[rows]), numbers))
    )


def oracle(labels, batches, limit=3.0):
    """Run the paper's algorithm and return the losses and the labels."""
    table = np.zeros((SAMPLES, 3))
    stored = np.zeros((3, SAMPLES, 4))
    visits = np.zeros(SAMPLES, int)
    losses = []
    for epoch, rows in batches:
        shifts = []
        for i in range(3):
            sides = []
            for sign in (1, -1):
                members = (visits > 0) & (sign * table[:, i] > 0)
                sides.append(stored[i][members].mean(0) if members.any() else None)
            if None in [side if side is None else 0 for side in sides]:
                shifts.append(None)
                continue
            x = FEATURES[epoch, i][rows].astype("float64")
            near, far = (((x - side) ** 2).sum(1) / 2.0 for side in sides)
            shifts.append((far - near) / (near + 1e-7))
        y = np.clip(labels[rows, 0], -limit, limit).astype("float64")
        made = np.tile(y[:, None], 3)
        for i in (1, 2):
            for place, row in enumerate(rows):
                if not visits[row]:
                    continue
                made[place, i] = table[row, i]
                if shifts[0] is not None and shifts[i] is not None:
                    a, a_all, n = shifts[i][place], shifts[0][place], visits[row] + 1
                    new = 0.5 * a / a_all * y[place] + 0.5 * (y[place] + a - a_all)
                    new = np.clip(new, -limit, limit)
                    made[place, i] = (n - 1) / (n + 1) * table[row, i] + 2 / (n + 1) * new
        # Algorithm 1: the loss first, with the labels of the epoch before; then the new labels.
        before = np.where(visits[rows][:, None] > 0, table[rows], y[:, None])
        losses.append(
            sum(
                np.mean(
                    np.tanh(abs(before[:, i] - y))
                    * abs(SCORES[epoch, i - 1][rows, 0] - before[:, i])
                )
                for i in (1, 2)
            )
        )
        visits[rows] += 1
        table[rows] = made
        stored[:, rows] = FEATURES[epoch][:, rows]
    return losses, table


BATCHES = [(epoch, rows) for epoch in range(EPOCHS) for rows in ([4, 0, 3], [1, 5, 2])]


@pytest.mark.parametrize(
    "labels", [LABELS, np.abs(LABELS), -np.abs(LABELS)], ids=["both", "positive", "negative"]
)
def test_labels_and_losses_are_the_papers(labels):
    layer = UnimodalLabels(SAMPLES)
    got = [step(layer, *batch, labels) for batch in BATCHES]
    losses, table = oracle(labels, BATCHES)
    np.testing.assert_allclose(got, losses, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.labels), table, rtol=1e-3, atol=1e-4)
    per_epoch = len(BATCHES) // EPOCHS
    assert got[: 2 * per_epoch] == [0.0] * 2 * per_epoch  # made in epoch 2, read in epoch 3
    if labels is LABELS:
        assert min(got[2 * per_epoch :]) > 0.1
    if labels is not LABELS:  # without one of the classes labels stay, and nothing is made up
        assert losses == [0.0] * len(losses)


def test_without_numbers_nothing_is_remembered():
    layer = UnimodalLabels(SAMPLES)
    losses = [step(layer, *batch, LABELS, numbered=False) for batch in BATCHES]
    assert losses == [0.0] * len(losses)
    assert np.abs(ops.convert_to_numpy(layer.visits)).max() == 0.0
    assert not layer.awaits_labels


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="num_samples=0"):
        UnimodalLabels(0)
    with pytest.raises(ValueError, match="limit=-1"):
        UnimodalLabels(3, limit=-1)
