"""Companions are chosen by the model's own representations, on a schedule, and kept."""

import keras
import numpy as np
import pytest

from kerasfuse import datasets
from kerasfuse.models import DAHB
from kerasfuse.training.callbacks import RefreshCompanions

RNG = np.random.default_rng(0)
TINY = {"dim": 8, "num_heads": 2, "feedforward_units": 6, "fusion": "concatenation"}


def companions():
    inputs = {"text": RNG.normal(size=(12, 4, 3)), "audio": RNG.normal(size=(12, 5, 2))}
    return datasets.Companions(datasets.Batches(inputs, np.arange(12) % 3, batch_size=6))


def test_lists_go_by_the_models_means_from_the_second_epoch(tmp_path):
    data, path = companions(), tmp_path / "companions.npz"
    raw = {name: rows.copy() for name, rows in data.lists.items()}
    seen = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(data.lists["similar_other"].copy())
    )
    model = DAHB(data.batches.modalities, pairs="companions", **TINY)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    refresh = RefreshCompanions(data, every=2, path=path)
    model.fit(data, epochs=3, shuffle=False, callbacks=[refresh, keep], verbose=0)
    np.testing.assert_array_equal(seen[0], raw["similar_other"])
    assert (seen[1] != seen[0]).any()
    np.testing.assert_array_equal(seen[2], seen[1])

    # The ranking of the second epoch is on disk, for a run that goes on in the third.
    kept = {name: rows.copy() for name, rows in data.lists.items()}
    data.refresh(RNG.normal(size=(12, 4)))
    RefreshCompanions(data, path=path).restore()
    for name, rows in kept.items():
        np.testing.assert_array_equal(data.lists[name], rows)

    # And it is that of the means as they then stand.
    inputs = data.batches.gather(range(12))[0]
    means = model.extract("mean/text", "mean/audio").predict_on_batch(inputs)
    refresh.on_epoch_begin(3)
    data_now = {name: rows.copy() for name, rows in data.lists.items()}
    data.refresh(np.concatenate([means["mean/text"], means["mean/audio"]], axis=1))
    for name, rows in data_now.items():
        np.testing.assert_array_equal(data.lists[name], rows)


def test_a_model_without_means_and_a_wrong_schedule_are_told(tmp_path):
    data = companions()
    inputs = {m: keras.Input((None, w), name=m) for m, w in data.batches.modalities.items()}
    pooled = [keras.layers.GlobalMaxPooling1D()(x) for x in inputs.values()]
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(pooled)))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="mean of each modality.*mean/text"):
        model.fit(data, callbacks=[RefreshCompanions(data)], verbose=0)
    with pytest.raises(ValueError, match="from 1"):
        RefreshCompanions(data, every=0)
    RefreshCompanions(data, path=tmp_path / "none.npz").restore()  # nothing kept yet
