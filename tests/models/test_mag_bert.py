"""MAG-BERT, with a tiny BERT of keras-hub where it is installed, else with a stand-in."""

import importlib.util

import keras
import numpy as np
import pytest
from harness import check_model

from kerasfuse.layers import CrossmodalBlock
from kerasfuse.models import MAGBERT

RNG = np.random.default_rng(0)
MODALITIES = {"text": None, "audio": 3, "vision": 2}


@keras.saving.register_keras_serializable("harness")
class PositionTable(keras.layers.Layer):
    """A row for each position, as keras-hub's PositionEmbedding."""

    def build(self, inputs_shape):
        self.table = self.add_weight(shape=(16, inputs_shape[-1]), name="table")

    def call(self, inputs):
        steps = keras.ops.shape(inputs)[1]
        return keras.ops.broadcast_to(self.table[:steps], keras.ops.shape(inputs))

    def compute_output_shape(self, inputs_shape):
        return inputs_shape


@keras.saving.register_keras_serializable("harness")
class EncoderLayer(keras.layers.Layer):
    """A transformer layer with the call arguments of keras-hub's TransformerEncoder."""

    def build(self, inputs_shape):
        self.block = CrossmodalBlock(num_heads=2, dtype=self.dtype_policy)
        self.block.build(inputs_shape)

    def call(self, inputs, padding_mask):
        return self.block(inputs, source_mask=keras.ops.cast(padding_mask, "bool"))

    def compute_output_spec(self, inputs, padding_mask):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable("harness")
class StandIn(keras.Model):
    """The parts of a keras_hub.models.BertBackbone that MAGBERT uses, under their names."""

    def __init__(self, num_layers=2, **kwargs):
        parts = {
            "token_embedding": keras.layers.Embedding(11, 6),
            "position_embedding": PositionTable(),
            "segment_embedding": keras.layers.Embedding(2, 6),
            "embeddings_add": keras.layers.Add(),
            "embeddings_layer_norm": keras.layers.LayerNormalization(),
            "embeddings_dropout": keras.layers.Dropout(0.1),
            "pooled_dense": keras.layers.Dense(6, activation="tanh"),
        }
        layers = [EncoderLayer() for _ in range(num_layers)]
        ids, segments, mask = (keras.Input((None,), dtype="int32") for _ in range(3))
        tokens = parts["token_embedding"](ids)
        x = (tokens, parts["position_embedding"](tokens), parts["segment_embedding"](segments))
        x = parts["embeddings_layer_norm"](parts["embeddings_add"](x))
        x = parts["embeddings_dropout"](x)
        for layer in layers:
            x = layer(x, padding_mask=mask)
        super().__init__([ids, segments, mask], parts["pooled_dense"](x[:, 0]), **kwargs)
        for name, part in parts.items():
            setattr(self, name, part)
        self.transformer_layers = layers
        self.num_layers = num_layers

    def get_config(self):
        return {"name": self.name, "num_layers": self.num_layers}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def from_keras_hub():
    import keras_hub

    return keras_hub.models.BertBackbone(
        vocabulary_size=11,
        num_layers=2,
        num_heads=2,
        hidden_dim=6,
        intermediate_dim=8,
        max_sequence_length=16,
    )


has_keras_hub = importlib.util.find_spec("keras_hub") is not None
BACKBONES = [
    pytest.param(
        StandIn,
        id="stand-in",
        marks=pytest.mark.skipif(has_keras_hub, reason="the BERT of keras-hub is there"),
    ),
    pytest.param(
        from_keras_hub,
        id="keras-hub",
        marks=pytest.mark.skipif(not has_keras_hub, reason="no keras-hub: pip install '.[text]'"),
    ),
]


def batch():
    ids = RNG.integers(1, 11, size=(4, 5)).astype("int32")
    ids[0, 3:] = 0
    audio, vision = (RNG.normal(size=(4, 5, w)).astype("float32") for w in (3, 2))
    audio[0, 3:] = vision[0, 3:] = audio[2, 2] = 0.0
    return {"text": ids, "audio": audio, "vision": vision}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_contract(backbone):
    check_model(
        lambda: MAGBERT(MODALITIES, backbone(), num_layers_before=1),
        batch(),
        RNG.normal(size=(4, 1)).astype("float32"),
        expected_output_shape=(4, 1),
        aligned=True,
    )


def test_without_a_shift_it_is_the_bert():
    bert = StandIn()
    model = MAGBERT(MODALITIES, bert, num_layers_before=2)
    inputs = batch()
    silent = inputs | {m: np.zeros_like(inputs[m]) for m in ("audio", "vision")}
    sequence = model.extract("sequence").predict(silent, verbose=0)["sequence"]
    parts = [inputs["text"], 0 * inputs["text"], (inputs["text"] != 0).astype("int32")]
    encoder = keras.Model(bert.inputs, bert.pooled_dense.input)
    first = encoder.predict(parts, verbose=0)
    first = (first - first.mean(-1, keepdims=True)) / np.sqrt(first.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(sequence[:, 0], first, atol=1e-4)


def test_wrong_arguments_are_told():
    with pytest.raises(ValueError, match="BertBackbone.*text"):
        MAGBERT(MODALITIES, keras.layers.Dense(3))
    with pytest.raises(ValueError, match="token ids"):
        MAGBERT({"text": 300, "audio": 3}, StandIn())
    with pytest.raises(ValueError, match="from 0 to 2"):
        MAGBERT(MODALITIES, StandIn(), num_layers_before=3)
    inputs = batch() | {"audio": np.ones((4, 9, 3), "float32")}
    with pytest.raises(ValueError, match="align_to"):
        MAGBERT(MODALITIES, StandIn())(inputs)
    with pytest.raises(ValueError, match=r"'text' to have shape \(batch, steps\)"):
        MAGBERT(MODALITIES, StandIn())(batch() | {"text": np.ones((4, 5, 3), "float32")})
