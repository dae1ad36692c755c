"""Every entry of the project builds, those with a text encoder where keras-hub is installed."""

import keras
import pytest

from kerasfuse import zoo

NAMES = zoo.names()
if keras.config.backend() != "torch":
    # Every other one is built on torch, which has no keras-hub in its environment.
    NAMES = [name for name in NAMES if "text_encoder" in zoo.entry(name).model_args]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_valid_and_builds(name):
    entry = zoo.entry(name)
    if "text_encoder" in entry.model_args:
        pytest.importorskip("keras_hub", reason="needs the extra `text`")
    model = zoo.load(name, weights=None)
    assert isinstance(model, keras.Model) and not model.compiled
    given = entry.model_args["modalities"]
    assert {m: model.modalities[m] for m in given} == given
    # DAHB, Appendix B, with BERT.
    assert model.count_params() < 120e6
    assert entry.parameters == model.count_params()
    if entry.recorded:
        assert entry.results["parameters"] == entry.parameters
