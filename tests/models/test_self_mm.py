"""Self-MM learns which sample is which from the data, and nothing of it leaks out."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.datasets import Batches
from kerasfuse.models import LFLSTM, SelfMM

RNG = np.random.default_rng(0)
TWO = {"text": 3, "audio": 2}
LABELS = np.array([1.0, -2.0, 0.5, -0.5, 3.0], "float32")
SMALL = {"lstm_units": 3, "dim": 4, "unimodal_dim": 4}


def data():
    inputs = {m: RNG.normal(size=(5, 4, w)).astype("float32") for m, w in TWO.items()}
    return Batches(inputs, LABELS, batch_size=2, shuffle=True)


def test_the_tasks_of_single_modalities_begin_with_the_third_epoch():
    train, model = data(), SelfMM(TWO, num_samples=6, **SMALL)
    model.compile("adam", "mae")
    history = model.fit(train, validation_data=train, epochs=4, verbose=0).history
    # Labels are made in the second epoch, after the loss of each step has read the former ones.
    assert history["unimodal"][:2] == [0.0, 0.0] and min(history["unimodal"][2:]) > 0.0
    assert set(history) == {"loss", "unimodal", "val_loss"}
    table = model.get_layer("labels")
    assert ops.convert_to_numpy(table.visits)[:, 0].tolist() == [4.0] * 5 + [0.0]
    labels = ops.convert_to_numpy(table.labels)
    np.testing.assert_allclose(labels[:5, 0], LABELS)
    assert np.abs(labels[:5, 1:] - LABELS[:, None]).max() > 0.01
    assert np.abs(labels).max() <= 3.0

    # The data are as they were, and any model can be trained on them.
    assert not train.numbered and set(train[0][0]) == set(TWO)
    other = LFLSTM(TWO, dim=2, hidden_units=[])
    other.compile("adam", "mae")
    other.fit(train, verbose=0)


def test_numbers_can_come_with_the_arrays():
    train, model = data(), SelfMM(TWO, num_samples=5, **SMALL)
    model.compile("adam", "mae")
    inputs = {m: np.concatenate([train[i][0][m] for i in range(3)]) for m in TWO}
    numbered = inputs | {"sample_number": np.arange(5, dtype="int32")}
    history = model.fit(numbered, LABELS[:, None], batch_size=5, epochs=3, verbose=0).history
    assert history["unimodal"][2] > 0.0
    predicted = model.predict(numbered, verbose=0)
    assert predicted.tolist() == model.predict(inputs, verbose=0).tolist()


def test_wrong_numbers_of_samples_and_outputs_are_told():
    model = SelfMM(TWO, num_samples=4, **SMALL)
    model.compile("adam", "mae")
    with pytest.raises(ValueError, match="num_samples=5"):
        model.fit(data(), verbose=0)
    with pytest.raises(ValueError, match="num_outputs=8"):
        SelfMM(TWO, num_samples=4, num_outputs=8)
    with pytest.raises(ValueError, match="averaged"):
        SelfMM(TWO, num_samples=4, averaged=["words"])
