"""Models are built of arguments that fit, and no memory is taken for those that do not."""

import keras
import pytest

from kerasfuse import zoo


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 10**9}, "rank of LMF to be at most 1,000,000. Received: rank=1000000000"),
        ({"dim": "abc"}, "model.dim of LMF to be a whole number from 1.* model.dim='abc'"),
        ({"dim": {"a": 1}}, "`dim` to be one value or a dict over"),
        ({"output_dropout": True}, "model.output_dropout of LMF to be a finite number"),
        ({"rank": 0}, "model.rank of LMF to be a whole number from 1"),
    ],
)
def test_arguments_that_no_model_can_be_made_with(settings, message):
    with pytest.raises(ValueError, match=f"expected {message}"):
        zoo.entry("lmf_mosi_utterance").override(settings).build()


def test_parameters_are_counted_first():
    entry = zoo.entry("lmf_mosi_utterance").override({"dim": 900_000})
    if keras.config.backend() != "torch":
        pytest.skip("only PyTorch counts without memory")
    with pytest.raises(ValueError, match="at most 500,000,000 parameters. Received: LMF with"):
        entry.build()


def test_layers_are_counted_first():
    entry = zoo.entry("mult_mosi_utterance").override({"num_layers": 10_000})
    with pytest.raises(ValueError, match="num_layers of MulT to be at most 256"):
        entry.build()
