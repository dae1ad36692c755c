import pickle

import keras
import numpy as np
import pytest
import torch
from keras.src.optimizers.base_optimizer import clip_by_global_norm as keras_clips

from kerasfuse.backend import clip_at_once
from kerasfuse.backend.torch_clipping import Clipping, clip_by_global_norm
from kerasfuse.models import LFLSTM
from kerasfuse.training import AGM, Modulated


def gradients(scale=1.0):
    rng = np.random.default_rng(0)
    shapes = [(30, 20), (20,), (1, 7, 3), ()]
    return [torch.tensor(scale * rng.normal(size=s), dtype=torch.float32) for s in shapes]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 0.0])
def test_it_scales_as_the_definition_says(scale):
    given = gradients(scale)
    found = clip_by_global_norm([given[0], None, *given[1:]], 0.8)
    assert found.pop(1) is None
    norm = sum(float((g.double() ** 2).sum()) for g in given) ** 0.5
    for g, f in zip(given, found, strict=True):
        np.testing.assert_allclose(f, g.double() * min(1.0, 0.8 / max(norm, 1e-30)), rtol=1e-6)


@pytest.mark.parametrize("fault", [torch.inf, torch.nan])
def test_what_is_not_finite_stays_visible(fault):
    given = gradients()
    given[1][3] = fault
    for clipped in (clip_by_global_norm(given, 0.8), keras_clips(given, 0.8)):
        assert all(g.isnan().all() for g in clipped)


@pytest.mark.parametrize(
    "clips",
    [
        {"global_clipnorm": 0.8},
        {"global_clipnorm": 1e3},
        {"clipnorm": 0.3},
        {"clipvalue": 0.1},
        {},
    ],
)
def test_an_optimizer_clips_as_before(clips):
    optimizer = keras.optimizers.Adam(1e-3, **clips)
    expected = optimizer._clip_gradients(gradients())
    clip_at_once(optimizer)
    for each in (optimizer, pickle.loads(pickle.dumps(optimizer))):
        found = each._clip_gradients(gradients())
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-6)
    twin = keras.optimizers.Adam.from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()


def test_optimizers_inside_of_others_clip_so_too():
    inner = keras.optimizers.SGD(global_clipnorm=1.0)
    clip_at_once(keras.optimizers.LossScaleOptimizer(inner))
    assert isinstance(inner._clip_gradients, Clipping)
    groups = keras.optimizers.OptimizerMap(keras.optimizers.Adam(global_clipnorm=1.0))
    groups["text.*"] = keras.optimizers.SGD(global_clipnorm=1.0)
    clip_at_once(both := keras.optimizers.MultiOptimizer(groups))
    assert all(isinstance(x._clip_gradients, Clipping) for x in both.optimizers)


@pytest.mark.parametrize("modulated", [False, True])
def test_models_train_by_it(modulated):
    rng = np.random.default_rng(0)
    inputs = {m: rng.normal(size=(4, 6, 3)).astype("float32") for m in ("text", "audio")}
    weights = []
    for clip in ({"global_clipnorm": 0.1}, {"clipvalue": 1e9}):
        keras.utils.set_random_seed(0)
        model = LFLSTM(dict.fromkeys(inputs, 3), dim=4, hidden_units=[])
        start = model.get_weights()
        trained = Modulated(model, AGM(1.0)) if modulated else model
        trained.compile(keras.optimizers.SGD(1.0, **clip), "mse")
        trained.train_on_batch(inputs, np.full((4, 1), 9.0))
        weights.append([a - b for a, b in zip(start, model.get_weights(), strict=True)])
        assert isinstance(trained.optimizer._clip_gradients, Clipping)
    clipped, whole = ([*map(np.ravel, w)] for w in weights)
    clipped, whole = np.concatenate(clipped), np.concatenate(whole)
    assert np.linalg.norm(whole) > 1.0
    np.testing.assert_allclose(np.linalg.norm(clipped), 0.1, rtol=1e-4)
    np.testing.assert_allclose(clipped, whole * 0.1 / np.linalg.norm(whole), atol=1e-6)
