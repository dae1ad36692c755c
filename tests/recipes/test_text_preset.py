"""A recipe starts its text encoder from a preset; the tests' is a local folder."""

import numpy as np
import pytest

from kerasfuse import zoo
from kerasfuse.models import DAHB, LateFusion, MulT
from kerasfuse.recipes.text_preset import load_text_preset

hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")

BERT = {
    "vocabulary_size": 30,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 16,
}
TINY = {"dim": 8, "num_heads": 2, "feedforward_units": 6, "fusion": "concatenation"}


def dahb(**sizes):
    encoder = {"class": "BertBackbone", **BERT, **sizes}
    return DAHB({"audio": 4}, text_encoder=encoder, **TINY)


def test_weights_of_a_preset_reach_the_encoder_and_nothing_else(tmp_path):
    backbone = hub.models.BertBackbone(**BERT)
    backbone.save_to_preset(str(tmp_path / "bert"))
    model = dahb()
    before = {v.path: np.array(v) for v in model.variables}
    load_text_preset(model, str(tmp_path / "bert"))
    encoder = {v.path for v in model.get_layer("text_encoder").variables}
    changed = {v.path for v in model.variables if (np.array(v) != before[v.path]).any()}
    assert changed and changed <= encoder
    ids = np.array([[2, 5, 9, 3]], "int32")
    inputs = {
        "token_ids": ids,
        "padding_mask": np.ones_like(ids),
        "segment_ids": np.zeros_like(ids),
    }
    expected = backbone.predict(inputs, verbose=0)["sequence_output"]
    found = model.get_layer("text_encoder").predict(inputs, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_other_sizes_and_models_without_an_encoder_are_told(tmp_path):
    hub.models.BertBackbone(**BERT).save_to_preset(str(tmp_path / "bert"))
    with pytest.raises(ValueError, match="model.text_encoder says.*first of shape"):
        load_text_preset(dahb(vocabulary_size=31), str(tmp_path / "bert"))
    with pytest.raises(ValueError, match="Received: MulT without one"):
        load_text_preset(MulT({"text": 3, "audio": 4}, dim=8, num_heads=2), "bert")
    # Its layer of that name is an encoder of vectors.
    vectors = {"class": "TransformerEncoder", "dim": 8, "num_layers": 1, "num_heads": 2}
    late = LateFusion({"text": 3, "audio": 4}, {"text": vectors, "audio": vectors})
    assert late.get_layer("text_encoder")
    with pytest.raises(ValueError, match="Received: LateFusion without one"):
        load_text_preset(late, "bert")


def test_a_preset_that_there_is_not_is_told(tmp_path):
    with pytest.raises(ValueError, match="text_preset to be the name of a preset.*'nothing'"):
        load_text_preset(dahb(), "nothing")


@pytest.mark.parametrize("name", ["dahb_mosi", "dahb_mosei", "dahb_sims"])
def test_entries_with_bert_say_its_sizes(name):
    entry = zoo.entry(name)
    encoder = entry.model_args["text_encoder"]
    assert encoder["class"] == "BertBackbone" and entry.recipe.text_preset.startswith("bert_base")
    # Small enough to build here; the counts of the whole are in tests/models/test_dahb.py.
    small = entry.override({"text_encoder": {**encoder, **BERT}, "dim": 8, "num_heads": 2})
    assert list(small.build().modalities) == ["text", "audio", "vision"]
