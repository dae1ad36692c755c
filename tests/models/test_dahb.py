"""DAHB is the paper's: its streams, its loss, its ablations, and BERT in front."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.losses import DualStreamContrast
from kerasfuse.models import DAHB

RNG = np.random.default_rng(0)
ON_TORCH = keras.config.backend() == "torch"
WIDTHS = {"text": 6, "audio": 4, "vision": 5}
STEPS = {"text": 5, "audio": 7, "vision": 6}
X = {m: RNG.normal(size=(4, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
Y = np.float32([[0.0], [0.2], [1.1], [-2.0]])
TINY = {"dim": 8, "num_heads": 2, "feedforward_units": 6}
torch_only = pytest.mark.skipif(not ON_TORCH, reason="compiles for minutes and differs nowhere")


def array(x):
    return ops.convert_to_numpy(x).astype("float64")


def step(model, x=X, y=Y, **kwargs):
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model.fit(x, y, batch_size=len(y), verbose=0, **kwargs).history


def test_the_loss_is_the_task_and_lambda_times_the_contrast():
    model = DAHB(WIDTHS, contrast_weight=0.3, dropout=0.0, **TINY)
    history = step(model)
    outputs = model.predict(X, verbose=0)
    task = ((outputs - Y) ** 2).mean()
    x_bar = model.extract("mean/text", "mean/audio", "mean/vision", "aligned").predict(X, verbose=0)
    kept = {m: x_bar[f"mean/{m}"] for m in WIDTHS} | {"aligned": x_bar["aligned"][:, 0]}
    contrast = float(DualStreamContrast(list(WIDTHS))(Y, kept))
    assert contrast > 0.1
    assert history["contrast"][0] == pytest.approx(contrast, rel=1e-4)
    assert history["loss"][0] == pytest.approx(task + 0.3 * contrast, rel=1e-4)


def test_the_temporal_stream_adds_what_the_others_show_to_the_anchor():
    model = DAHB(WIDTHS, anchor="audio", **TINY)
    aligned = model.extract("aligned").predict(X, verbose=0)["aligned"]
    assert aligned.shape == (4, 8, 8)  # seven frames and the first token
    alone = model.extract("aligned").predict(X | {"text": None, "vision": None}, verbose=0)
    assert np.abs(aligned - alone["aligned"]).max() > 1e-3
    layer = model.get_layer("temporal_alignment")
    kernels = {v.path.split("/")[-2] for v in layer.weights}
    assert kernels == {"query", "output", "text_key", "text_value", "vision_key", "vision_value"}


@torch_only
def test_what_the_anchor_says_reaches_every_fusion():
    for fusion in ("concatenation", "hierarchical_bottleneck"):
        model = DAHB(WIDTHS, fusion=fusion, **TINY)
        outputs = model.predict(X, verbose=0)
        other = model.predict(X | {"text": -X["text"]}, verbose=0)
        assert np.abs(outputs - other).min() > 1e-4


@torch_only
def test_attention_is_offered_by_level_and_modality():
    model = DAHB(WIDTHS, **TINY)
    values = model.extract(*model.intermediates).predict(X, verbose=0)
    assert values["attention/alignment/audio"].shape == (4, 6, 8)
    assert values["attention/bottleneck/0/vision"].shape == (4, 8, 7)
    assert values["attention/bottleneck/1/vision"].shape == (4, 4, 7)
    for name, value in values.items():
        if name.startswith("attention/alignment"):
            np.testing.assert_allclose(value.sum(axis=-1), 1.0, atol=1e-5)
    # Six real steps of text: two of the eight tokens hold nothing.
    np.testing.assert_allclose(
        values["attention/bottleneck/0/text"][:, :6].sum(axis=-1), 1.0, atol=1e-5
    )


@torch_only
@pytest.mark.parametrize(
    ("without", "names"),
    [
        ({"temporal": False, "semantic": False}, {"tokens"}),
        ({"temporal": False}, {"tokens"}),
        ({"semantic": False}, {"temporal_alignment"}),
        ({"supervised": False}, {"temporal_alignment"}),
        ({"fusion": "concatenation"}, {"temporal_alignment"}),
    ],
)
def test_rows_of_table_4(without, names):
    model = DAHB(WIDTHS, **TINY, **without)
    found = {layer.name for layer in model.layers} & {"tokens", "temporal_alignment", "bottleneck"}
    assert found - {"bottleneck"} == names
    assert ("bottleneck" in found) == ("fusion" not in without)
    history = step(model)
    assert np.isfinite(history["loss"]).all()
    assert "contrast" in history
    assert "contrast" not in step(DAHB(WIDTHS, semantic=False, supervised=False, **TINY))


@torch_only
def test_companions_change_the_contrast_and_not_the_task():
    rows = {m: RNG.normal(size=(14, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
    labels, weights = RNG.normal(size=(14, 1)), np.float32([1.0] * 2 + [0.0] * 12)
    model = DAHB(WIDTHS, pairs="companions", dropout=0.0, **TINY)
    history = step(model, rows, labels, sample_weight=weights)
    anchors = {m: x[:2] for m, x in rows.items()}
    # Keras divides by the number of rows, whatever their weights.
    task = ((model.predict(anchors, verbose=0) - labels[:2]) ** 2).sum() / 14
    expected = task + 0.2 * history["contrast"][0]
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_rows_that_are_no_companions_are_told():
    model = DAHB(WIDTHS, pairs="companions", **TINY)
    with pytest.raises(ValueError, match="datasets.Companions"):
        step(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"anchor": "speech"}, "text, audio, vision.*'speech'"),
        ({"fusion": "gated"}, "hierarchical_bottleneck.*'gated'"),
        ({"encoder_layers": {"text": 1}}, "encoder_layers"),
        ({"pair_layout": "all"}, "published, all_negatives"),
        ({"temperature": -1.0}, "above 0"),
        ({"num_heads": 3}, "num_heads=3, width 8"),
        ({"text_encoder": {"class": "Dense"}}, "width None"),
    ],
)
def test_what_cannot_be_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        DAHB(WIDTHS, **{**TINY, **arguments})


def test_one_sample_and_one_class_train():
    for rows, labels in ((slice(0, 1), Y[:1]), (slice(0, 4), np.zeros_like(Y))):
        for layout in ("published", "all_negatives") if ON_TORCH else ("published",):
            model = DAHB(TWO, pair_layout=layout, **TINY)
            history = step(model, {m: X[m][rows] for m in TWO}, labels)
            assert np.isfinite(history["loss"]).all()


TWO = {"text": 6, "audio": 4}
BERT = {
    "class": "BertBackbone",
    "vocabulary_size": 30,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 16,
}
IDS = np.array([[2, 5, 9, 3, 0], [2, 7, 3, 0, 0], [2, 4, 4, 4, 3], [0, 0, 0, 0, 0]], "int32")
WITH_IDS = {"text": IDS, "audio": X["audio"]}


@pytest.fixture
def with_bert():
    pytest.importorskip("keras_hub", reason="needs the extra `text`")
    return DAHB({"text": None, "audio": 4}, text_encoder=BERT, **TINY)


def test_bert_reads_ids_and_padding_changes_nothing(with_bert):
    outputs = with_bert.predict(WITH_IDS, verbose=0)
    assert outputs.shape == (4, 1) and np.isfinite(outputs).all()
    for widths in ((0, 3), (3, 0), (2, 2)):
        padded = np.pad(IDS, [(0, 0), widths])
        again = with_bert.predict(WITH_IDS | {"text": padded}, verbose=0)
        np.testing.assert_allclose(again, outputs, atol=1e-5)
    none = with_bert.predict(WITH_IDS | {"text": None}, verbose=0)
    np.testing.assert_allclose(none[3], outputs[3], atol=1e-5)


def test_bert_and_its_hyperparameters_are_in_the_config(with_bert, tmp_path):
    twin = DAHB.from_config(with_bert.get_config())
    twin.set_weights(with_bert.get_weights())
    outputs = with_bert.predict(WITH_IDS, verbose=0)
    np.testing.assert_allclose(twin.predict(WITH_IDS, verbose=0), outputs, atol=1e-6)
    assert twin.get_config() == with_bert.get_config()
    with_bert.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(WITH_IDS, verbose=0), outputs, atol=1e-6)


def test_a_backbone_is_handed_in_and_learns_at_its_own_rate():
    hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
    backbone = hub.models.BertBackbone(**{k: v for k, v in BERT.items() if k != "class"})
    model = DAHB({"text": None, "audio": 4}, text_encoder=backbone, **TINY)
    of_bert = {v.path for v in model.get_layer("text_encoder").trainable_variables}
    assert len(of_bert) > 10
    assert of_bert <= {v.path for v in model.trainable_variables}
    groups = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))
    groups["|".join(sorted(of_bert))] = keras.optimizers.SGD(0.0)
    model.compile(keras.optimizers.MultiOptimizer(groups), "mse")
    before = {v.path: array(v) for v in model.trainable_variables}
    model.fit(WITH_IDS, Y, verbose=0)
    moved = {v.path for v in model.trainable_variables if np.abs(array(v) - before[v.path]).max()}
    assert moved and not moved & of_bert


def test_a_wrong_text_encoder_is_told():
    pytest.importorskip("keras_hub", reason="needs the extra `text`")
    for name in ("BertTokenizer", "Bert", None):
        with pytest.raises(ValueError, match="BertBackbone"):
            DAHB({"text": None, "audio": 4}, text_encoder={"class": name}, **TINY)


def test_ids_have_no_features():
    pytest.importorskip("keras_hub", reason="needs the extra `text`")
    model = DAHB({"text": None, "audio": 4}, text_encoder=BERT, **TINY)
    with pytest.raises(ValueError, match=r"'text' to have shape .batch, steps."):
        model({"text": np.ones((4, 5, 6)), "audio": X["audio"]})


@torch_only
def test_with_bert_base_the_model_stays_under_120_million_parameters():
    # BERT-base uncased, by its published sizes.
    bert = 30522 * 768 + 512 * 768 + 2 * 768 + 2 * 768
    bert += 12 * (4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768) + 768 * 769
    assert bert == 109_482_240
    mosei = {"text": 768, "audio": 74, "vision": 35}
    assert DAHB(mosei, encoder_layers=3, fusion_layers=3).count_params() + bert < 120e6
