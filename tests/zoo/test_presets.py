"""Weights where users of Keras look for them: `Model.from_preset`."""

import re

import numpy as np
import pytest

from kerasfuse import models, zoo


def test_a_preset_is_what_the_zoo_loads():
    with pytest.warns(zoo.SimulatedWeightsWarning):
        model, loaded = models.MICA.from_preset("mica_mosei"), zoo.load("mica_mosei")
    assert type(model) is models.MICA
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_and_any_class():
    assert type(models.FusionModel.from_preset("lmf_mosi_utterance", weights=None)) is models.LMF


def test_an_entry_of_another_class_is_refused():
    message = "whose model is MulT. Call kerasfuse.models.MulT.from_preset('mult_ravdess')"
    with pytest.raises(ValueError, match=re.escape(message)):
        models.MICA.from_preset("mult_ravdess")


def test_an_unknown_entry_is_refused():
    with pytest.raises(ValueError, match="name='mica_mosee'. Nearest: mica_mosei"):
        models.MICA.from_preset("mica_mosee")
