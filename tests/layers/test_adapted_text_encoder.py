"""A frozen BERT with adapters: what it computes, what it trains, and what its file holds."""

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend
from kerasfuse.layers import AdaptedTextEncoder, ShiftedTextEncoder
from kerasfuse.models import DAHB, MAGBERT, LateFusion, SelfMM
from kerasfuse.text import TextEncoder

pytest.importorskip("keras_hub", reason="needs keras-hub (the extra `text`)")
import tiny_preset as tiny  # noqa: E402
from harness import check_layer  # noqa: E402

ON_TORCH = keras.config.backend() == "torch"
RNG = np.random.default_rng(0)
IDS = np.array([[2, 5, 6, 7, 3], [2, 10, 3, 0, 0], [0, 0, 0, 0, 0]], "int32")


def array(x):
    return ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    return folder, tiny.make(folder)


@pytest.mark.parametrize("pooling", [None, "mean", "attention"])
def test_contract(preset, pooling):
    check_layer(
        AdaptedTextEncoder,
        {"preset": str(preset[0]), "rank": 2, "pooling": pooling},
        {"inputs": IDS},
        (3, 8) if pooling else [(3, 5, 8), (3, 5)],
        # What goes up begins at 0, and stops the gradient of what goes down.
        without_gradient=["down_"],
    )


def test_contract_of_a_shifted_encoder(preset):
    check_layer(
        ShiftedTextEncoder,
        {"preset": str(preset[0]), "rank": 2, "num_layers_before": 1},
        {"inputs": IDS, "sources": [RNG.normal(size=(3, 5, 4)).astype("float32")]},
        [(3, 5, 8), (3, 5)],
        without_gradient=["down_"],
    )


def test_it_begins_as_the_pretrained_encoder(preset):
    encode = AdaptedTextEncoder(preset[0], rank=2)
    z, mask = (array(x) for x in encode(IDS))
    np.testing.assert_allclose(z[0], tiny.oracle(preset[1], IDS[0]), atol=1e-4)
    np.testing.assert_allclose(z[1, :3], tiny.oracle(preset[1], IDS[1, :3]), atol=1e-4)
    assert mask.tolist() == [[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4]


def test_padding_may_stand_in_front(preset):
    encode = AdaptedTextEncoder(preset[0], rank=2)
    behind, front = np.array([[2, 10, 3, 0]], "int32"), np.array([[0, 2, 10, 3]], "int32")
    np.testing.assert_allclose(array(encode(front)[0]), array(encode(behind)[0]), atol=1e-5)


def test_low_rank_terms_are_those_of_queries_and_values(preset):
    encode = AdaptedTextEncoder(preset[0], rank=2)
    encode(IDS)
    for weight in encode.trainable_variables:
        weight.assign(RNG.normal(0, 0.3, weight.shape))
    found = array(encode(IDS[:1])[0])
    before = encode.bert().get_weights()
    try:
        for i, layer in enumerate(encode.bert().transformer_layers):
            attention = layer._self_attention_layer
            for part, frozen in enumerate((attention.query_dense, attention.value_dense)):
                down, up = (array(x[2 * i + part].kernel) for x in (encode.downs, encode.ups))
                term = (down.astype("float64") @ up).reshape(frozen.kernel.shape)
                frozen.kernel.assign(array(frozen.kernel) + term)
        ids, _ = encode.justified(ops.convert_to_tensor(IDS[:1]))
        z = encode.embedded(ids)
        for layer in encode.bert().transformer_layers:
            z = layer(z, padding_mask=np.ones((1, 5), "int32"), training=False)
    finally:
        encode.bert().set_weights(before)
    np.testing.assert_allclose(found, array(z), atol=1e-4)


def test_only_adapters_are_weights_and_only_they_are_in_a_file(preset, tmp_path):
    inputs = keras.Input((None,), dtype="int32")
    encode = AdaptedTextEncoder(preset[0], rank=2, pooling="mean", dropout=0.0)
    model = keras.Model(inputs, keras.layers.Dense(1)(encode(inputs)))
    layers = tiny.SIZES["num_layers"]
    assert encode.count_params() == layers * 2 * 2 * 2 * 8
    before = [np.array(w) for w in encode.bert().get_weights()]
    model.compile(keras.optimizers.Adam(0.01), "mse")
    y = np.array([[1.0], [-1.0], [0.0]])
    first = model.evaluate(IDS, y, verbose=0)
    model.fit(IDS, y, epochs=20, verbose=0)
    assert model.evaluate(IDS, y, verbose=0) < first
    assert all(np.abs(array(w)).max() > 0 for w in encode.trainable_variables)
    for old, new in zip(before, encode.bert().get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.save_weights(tmp_path / "some.weights.h5")
    sizes = []
    with h5py.File(tmp_path / "some.weights.h5") as file:
        file["layers"].visititems(
            lambda _, x: sizes.append(x.size) if isinstance(x, h5py.Dataset) else None
        )
    assert sum(sizes) == encode.count_params() + 9
    again = keras.models.clone_model(model)
    again.load_weights(tmp_path / "some.weights.h5", skip_mismatch=False)
    np.testing.assert_allclose(
        again.predict(IDS, verbose=0), model.predict(IDS, verbose=0), atol=1e-6
    )


def test_a_text_that_is_absent_pools_to_zeros(preset):
    encode = AdaptedTextEncoder(preset[0], rank=2, pooling="attention")
    found = array(encode(IDS))
    assert found.shape == (3, 8) and not found[2].any() and found[:2].any(axis=1).all()


def test_two_of_them_share_one_bert(preset):
    assert AdaptedTextEncoder(preset[0]).bert() is AdaptedTextEncoder(preset[0], 2).bert()


def test_a_preset_that_changed_is_read_again(tmp_path):
    tiny.make(tmp_path)
    first = array(AdaptedTextEncoder(tmp_path)(IDS)[0])
    tiny.make(tmp_path, seed=1)
    assert np.abs(array(AdaptedTextEncoder(tmp_path)(IDS)[0]) - first).max() > 0.1


def test_a_preset_that_is_first_read_where_a_model_is_only_counted(tmp_path):
    tiny.make(tmp_path)
    with backend.without_memory():
        AdaptedTextEncoder(tmp_path)
    assert np.isfinite(array(AdaptedTextEncoder(tmp_path)(IDS)[0])).all()


def test_a_text_longer_than_the_places_is_refused(preset):
    with pytest.raises(ValueError, match="at most 24 pieces.*Received: 25"):
        AdaptedTextEncoder(preset[0])(np.full((1, 25), 5, "int32"))


def test_a_gate_shifts_the_words_before_its_layer(preset):
    tone = RNG.normal(size=(3, 5, 4)).astype("float32")
    for before in (0, 2):
        encode = ShiftedTextEncoder(
            preset=preset[0], rank=2, num_layers_before=before, gate_dropout=0.0
        )
        z, mask = encode(IDS, sources=[tone])
        ids, mask = encode.justified(ops.convert_to_tensor(IDS))
        wanted = encode.embedded(ids)
        real = ops.not_equal(IDS, 0)
        for i in range(3):
            if i == before:
                wanted = encode.gate(wanted, sources=[encode.left(tone, mask=real)])
            if i < 2:
                wanted = encode.layer(i, wanted, mask)
        np.testing.assert_allclose(array(z), array(wanted), atol=1e-5)
    with pytest.raises(ValueError, match="from 0 to 2.*num_layers_before=3"):
        ShiftedTextEncoder(preset=preset[0], num_layers_before=3)


@pytest.mark.parametrize("kind", [DAHB, MAGBERT, SelfMM] if ON_TORCH else [MAGBERT])
def test_models_take_it_and_keep_it_in_their_config(preset, kind):
    table = {"class": "AdaptedTextEncoder", "preset": str(preset[0]), "rank": 2}
    if kind is DAHB:
        options = {"text_encoder": table, "dim": 8, "num_heads": 2, "feedforward_units": 6}
        options |= {"num_bottlenecks": 4}
    elif kind is SelfMM:
        options = {"text_encoder": table, "num_samples": 3}
    else:
        options = {"backbone": table}
    model = kind({"text": None, "timing": 4}, **options)
    batch = {"text": IDS, "timing": RNG.normal(size=(3, 5, 4)).astype("float32")}
    model.compile("adam", "mse")
    model.fit(batch, np.zeros((3, 1)), verbose=0)
    paths = [w.path for w in model.trainable_variables]
    assert any("down_query_0" in path for path in paths)
    assert not any("token_embedding" in w.path for w in model.weights)
    copy = kind.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    found, wanted = (m.predict(batch, verbose=0) for m in (copy, model))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_late_fusion_takes_it_for_text_alone(preset):
    table = {"class": "AdaptedTextEncoder", "preset": str(preset[0]), "rank": 2, "pooling": "mean"}
    model = LateFusion({"text": None}, {"text": table})
    model.compile("adam", "mse")
    model.fit({"text": IDS}, np.ones((3, 1)), verbose=0)
    copy = LateFusion.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    found, wanted = (m.predict({"text": IDS}, verbose=0) for m in (copy, model))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_wrong_presets_are_refused(preset, tmp_path):
    import keras_hub

    sha256 = TextEncoder(preset[0]).sha256
    assert AdaptedTextEncoder(preset[0], sha256=sha256).sha256 == sha256
    with pytest.raises(ValueError, match="a text encoder with the sha256 00, the one that the"):
        AdaptedTextEncoder(preset[0], sha256="00")
    with pytest.raises(ValueError, match="expected rank to be a whole number from 1"):
        AdaptedTextEncoder(preset[0], rank=0)
    backbone = keras_hub.models.DistilBertBackbone(
        vocabulary_size=16, num_layers=1, num_heads=2, hidden_dim=4, intermediate_dim=4
    )
    backbone.save_to_preset(str(tmp_path))
    keras_hub.models.DistilBertTokenizer(vocabulary=tiny.VOCABULARY).save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="expected a preset of a BERT.*DistilBertBackbone"):
        AdaptedTextEncoder(tmp_path)
