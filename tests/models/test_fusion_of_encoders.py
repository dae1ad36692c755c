"""Late, early, FiLM and gated fusion of any encoders."""

import keras
import numpy as np
import pytest
from harness import check_layer, check_model

from kerasfuse.analysis.coalitions import CoalitionEvaluator
from kerasfuse.layers import LeNet, MaskedGRU, MaskedPooling, MaxOut, ResNet18, TransformerEncoder
from kerasfuse.models import (
    EarlyFusion,
    FiLMFusion,
    GatedFusion,
    LateFusion,
    TextGuidedTransformer,
)

RNG = np.random.default_rng(0)
ON_TORCH = keras.config.backend() == "torch"
SIZES = {"words": 5, "image": (6, 6, 1)}
ENCODERS = {
    "words": {"class": "TransformerEncoder", "dim": 4, "num_layers": 1, "num_heads": 2},
    "image": {"class": "MaxOutOfPixels"},
}


@keras.saving.register_keras_serializable("tests")
class Pixels(keras.layers.Layer):
    """A small encoder of images that is no layer of the library."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(self.units, "tanh", dtype=self.dtype_policy)
        self.dense.build((None, int(np.prod(shape[1:]))))

    def call(self, x):
        return self.dense(self.flatten(x))

    def compute_output_shape(self, shape):
        return (shape[0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def encoders(**others):
    return {
        "words": TransformerEncoder(4, num_layers=1, num_heads=2, dropout=0.0),
        "image": Pixels(),
    } | others


def batch(sizes=None, size=4, steps=5):
    inputs = {}
    for m, shape in (sizes or SIZES).items():
        shape = (steps, shape) if isinstance(shape, int) else shape
        inputs[m] = RNG.normal(size=(size, *shape)).astype("float32")
        if len(shape) == 2:
            inputs[m][0, :2] = inputs[m][1, -2:] = 0.0
    return inputs


CONTRACTS = [(LateFusion, {}), (EarlyFusion, {"units": (6, 5), "dropout": 0.1})]
if ON_TORCH:
    CONTRACTS += [(FiLMFusion, {"condition": "image"}), (GatedFusion, {"dim": 6})]


@pytest.mark.parametrize("cls, kwargs", CONTRACTS, ids=lambda v: getattr(v, "__name__", ""))
def test_contract(cls, kwargs):
    check_model(
        lambda: cls(SIZES, encoders(), num_outputs=3, **kwargs),
        batch(),
        RNG.normal(size=(4, 3)).astype("float32"),
        expected_output_shape=(4, 3),
        # Batch norm takes away what an encoder, or a layer, adds to every sample alike.
        without_gradient=("norm/beta$", "bias$") if cls is EarlyFusion else (),
    )


@pytest.mark.skipif(not ON_TORCH, reason="compiles for minutes and differs nowhere")
def test_contract_of_the_text_guided_transformer():
    widths = {"text": 5, "audio": 3}
    check_model(
        lambda: TextGuidedTransformer(widths, dim=4, num_heads=2, num_layers=2),
        batch(widths),
        RNG.normal(size=(4, 1)).astype("float32"),
        expected_output_shape=(4, 1),
        # The text of the last block is read by its mean; keys and queries of one step have none.
        without_gradient=(),
    )


def test_layer_contracts():
    # Numbers of their own: of others, every unit of so small a network may be silent.
    random = np.random.default_rng(1)
    x = random.normal(size=(3, 4)).astype("float32")
    check_layer(MaxOut, {"units": 5, "pieces": 2}, {"inputs": x}, (3, 5))
    images = random.normal(size=(2, 9, 8, 1)).astype("float32")
    check_layer(LeNet, {"filters": (2, 3), "units": 4, "stride": 2}, {"inputs": images}, (2, 4))
    steps = random.normal(size=(3, 5, 4)).astype("float32")
    mask = np.ones((3, 5), bool)
    mask[0, :2] = False
    steps[0, :2] = 0.0
    check_layer(
        TransformerEncoder,
        {"dim": 4, "num_layers": 1, "num_heads": 2, "dropout": 0.0},
        {"inputs": steps, "mask": mask},
        (3, 4),
        sequences=[("inputs", "mask")],
    )


def test_maxout_is_the_largest_of_affine_functions():
    layer = MaxOut(2, pieces=3)
    x = RNG.normal(size=(4, 5)).astype("float32")
    found = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = (np.asarray(w, "float64") for w in layer.get_weights())
    wanted = (x @ kernel + bias).reshape(4, 3, 2).max(1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_resnet_is_resnet_18():
    layer = ResNet18(64)
    layer.build((None, 112, 112, 1))
    trained = sum(int(np.prod(v.shape)) for v in layer.trainable_variables)
    # torchvision's, 11,689,512, less its classifier and two input channels.
    assert trained == 11_689_512 - 513_000 - 2 * 7 * 7 * 64
    for channels in (1, 3):
        small = ResNet18(2)
        images = RNG.normal(size=(2, 28, 28, channels)).astype("float32")
        assert small(images).shape == (2, 16)
        assert np.isfinite(keras.ops.convert_to_numpy(small(0 * images, training=True))).all()
    twin = ResNet18.from_config(small.get_config())
    twin.build((None, 28, 28, 3))
    twin.set_weights(small.get_weights())
    found, wanted = (keras.ops.convert_to_numpy(f(images)) for f in (twin, small))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_small_encoder_has_the_parameters_it_says():
    for side, stride in ((28, 1), (112, 4)):
        layer = LeNet(stride=stride)
        layer.build((None, side, side, 1))
        assert layer.count_params() == 113_664


def logits(model, x):
    return np.asarray(model.predict(x, verbose=0), "float64")


def vectors(model, x):
    names = [f"vector/{m}" for m in model.modalities]
    found = model.extract(*names).predict(x, verbose=0)
    return [np.asarray(found[name], "float64") for name in names]


def weights(model, name):
    return [np.asarray(w, "float64") for w in model.get_layer(name).get_weights()]


def test_late_fusion_adds_in_the_logits():
    model, x = LateFusion(SIZES, encoders(), 3), batch()
    kernel, bias = weights(model, "head")
    wanted = np.concatenate(vectors(model, x), 1) @ kernel + bias
    np.testing.assert_allclose(logits(model, x), wanted, atol=1e-5)


def test_film_scales_and_shifts():
    model, x = FiLMFusion(SIZES, encoders(), 3, condition="image"), batch()
    words, image = vectors(model, x)
    kernel, bias = weights(model, "affine")
    gamma, beta = np.split(image @ kernel + bias, 2, axis=1)
    kernel, bias = weights(model, "head")
    np.testing.assert_allclose(logits(model, x), (gamma * words + beta) @ kernel + bias, atol=1e-5)


def test_gates_multiply():
    model, x = GatedFusion(SIZES, encoders(), 3, dim=6), batch()
    words, image = vectors(model, x)
    (gate, gate_bias), (value, value_bias) = weights(model, "gate"), weights(model, "values")
    opened = 1 / (1 + np.exp(-(words @ gate + gate_bias)))
    kernel, bias = weights(model, "head")
    wanted = (opened * (image @ value + value_bias)) @ kernel + bias
    np.testing.assert_allclose(logits(model, x), wanted, atol=1e-5)


@pytest.mark.parametrize("cls", [LateFusion, EarlyFusion, FiLMFusion, GatedFusion])
def test_heads_take_all_coalitions_as_one_batch(cls):
    model = cls(SIZES, encoders(), 3)
    cut, x = CoalitionEvaluator(model), batch()
    assert cut._vectors
    # With gates, the projection of a modality depends on it alone too.
    assert cut.encoders["image"][0] is model.encoders["image"]
    found = cut.muted_inputs(x, cut.encode(x))
    for members, output in found.items():
        shown = {m: v if m in members else np.zeros_like(v) for m, v in x.items()}
        found = keras.ops.convert_to_numpy(output)
        np.testing.assert_allclose(found, logits(model, shown), atol=1e-5)


def test_encoders_from_toml_and_by_keras_models():
    image = keras.Sequential([keras.layers.Conv2D(3, 3), keras.layers.GlobalAveragePooling2D()])
    model = LateFusion(SIZES, {"words": ENCODERS["words"], "image": image}, num_outputs=2)
    assert model.predict(batch(), verbose=0).shape == (4, 2)
    twin = LateFusion.from_config(model.get_config())
    assert isinstance(twin.encoders["words"], TransformerEncoder)
    assert twin.count_params() == model.count_params()


@pytest.mark.parametrize(
    "cls, sizes, wrong, kwargs, told",
    [
        (LateFusion, SIZES, {"words": Pixels()}, {}, r"encoder for each of \['words', 'image'\]"),
        (LateFusion, SIZES, encoders(image=ENCODERS["image"]), {}, "class='MaxOutOfPixels'"),
        (LateFusion, SIZES, encoders(image={"class": "ResNet"}), {}, "'ResNet'. Nearest: ResNet18"),
        (LateFusion, SIZES, encoders(image=3), {}, "Keras layer as the encoder of 'image'"),
        (LateFusion, SIZES, encoders(words=MaskedGRU(3)), {}, "'words' to end in a vector"),
        (LateFusion, {"words": 5, "image": (6, 6)}, encoders(), {}, "or of images to"),
        (FiLMFusion, SIZES, encoders(), {"condition": "sound"}, "condition='sound'"),
        (GatedFusion, SIZES, encoders(), {"gate": "sound"}, "gate='sound'"),
    ],
)  # fmt: skip
def test_what_is_refused(cls, sizes, wrong, kwargs, told):
    with pytest.raises(ValueError, match=told):
        cls(sizes, wrong, 3, **kwargs)


def test_one_layer_for_two_modalities_is_refused():
    shared = MaskedPooling()
    with pytest.raises(ValueError, match="one layer for two of them"):
        LateFusion({"a": 3, "b": 3}, {"a": shared, "b": shared})


def test_wrong_shapes_are_told():
    model = LateFusion(SIZES, encoders())
    with pytest.raises(ValueError, match=r"'image' to have shape \(batch, 6, 6, 1\)"):
        model({**batch(), "image": np.ones((4, 6, 6, 3), "float32")})
