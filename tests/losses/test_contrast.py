"""The contrastive losses against loops over pairs in float64, and at their edges."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import losses
from kerasfuse.ops import log_sum_exp, pair_loss, unit_vectors

TAU = 0.5
MODALITIES = ["text", "audio", "vision"]


def embeddings(rows, names=(*MODALITIES, "fused"), width=5, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=(rows, width)) for name in names}


def float32(values):
    return {name: np.float32(x) for name, x in values.items()}


def cosine(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / norms if norms else 0.0


def cost(a, p, negatives):
    """Cost of one positive pair, in float64."""
    z = np.exp(cosine(a, p) / TAU)
    return -np.log(z / (z + sum(np.exp(cosine(a, n) / TAU) for n in negatives)))


def call(loss, labels, values):
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(np.float32(labels)), values))


def test_unit_vectors_keep_their_length_whatever_the_scale():
    x = np.float32([[3, 4], [3e-30, 4e-30], [3e30, 4e30], [0, 0]])
    expected = [[0.6, 0.8]] * 3 + [[0, 0]]
    np.testing.assert_allclose(ops.convert_to_numpy(unit_vectors(x)), expected, rtol=1e-6)


def test_log_sum_exp_and_pair_loss():
    random = np.random.default_rng(0)
    z, mask = random.normal(size=(4, 6)), random.random((4, 6)) < 0.5
    mask[0] = False
    found = ops.convert_to_numpy(log_sum_exp(np.float32(z), mask))
    for row, selected, value in zip(z[1:], mask[1:], found[1:], strict=True):
        assert value == pytest.approx(np.log(np.exp(row[selected]).sum()), abs=1e-6)
    cost_of_pair = ops.convert_to_numpy(pair_loss(np.float32([1.0, 40.0, -40.0]), found[:1]))
    np.testing.assert_array_equal(cost_of_pair, 0.0)  # no negative: exactly nothing
    assert float(pair_loss(np.float32(1.0), np.float32(1.0))) == pytest.approx(np.log(2), rel=1e-6)


def test_nt_xent_against_loops():
    x = embeddings(6)
    found = call(losses.NTXent(TAU), x["audio"], ops.convert_to_tensor(np.float32(x["text"])))
    for i in range(6):
        others = [x["audio"][j] for j in range(6) if j != i]
        assert found[i] == pytest.approx(cost(x["text"][i], x["audio"][i], others), rel=1e-5)


def test_supervised_contrast_against_loops():
    labels = np.array([-1.4, -0.6, 0.5, 1.5, 2.4, 0.4])  # classes -1, -1, 0, 2, 2, 0
    x = embeddings(6)["text"]
    found = call(losses.SupervisedContrastive(TAU), labels, ops.convert_to_tensor(np.float32(x)))
    classes = np.round(labels)
    for i in range(6):
        same = [j for j in range(6) if j != i and classes[j] == classes[i]]
        costs = [cost(x[i], x[p], [x[j] for j in range(6) if j not in (i, p)]) for p in same]
        assert found[i] == pytest.approx(np.mean(costs), rel=1e-5)


def test_classes_of_ch_sims_are_its_exact_labels():
    labels = np.arange(-5, 6) / 5.0
    x = np.ones((11, 2), "float32")
    alone = call(losses.SupervisedContrastive(TAU, class_width=0.2), labels, x)
    np.testing.assert_array_equal(alone, 0.0)
    paired = call(
        losses.SupervisedContrastive(TAU, class_width=0.2), np.float32(labels[[2, 2]]), x[:2]
    )
    np.testing.assert_allclose(paired, 0.0, atol=1e-6)  # a pair without any negative: -log 1


def published_with_companions(x, anchors):
    """The release's loss, written out group by group: 22 pairs, of which 12 cost nothing."""
    losses_of_anchors = []
    for i in range(anchors):
        group = {name: [rows[c * anchors + i] for c in range(7)] for name, rows in x.items()}
        negatives = {name: rows[3:] for name, rows in group.items()}
        pairs = []
        for k, other in itertools.product(range(7), ("audio", "vision")):
            own = negatives["text"] if k == 0 else []
            pairs.append(cost(group["text"][k], group[other][k], own))
        for name, rows in group.items():
            pairs += [cost(rows[0], rows[p], negatives[name]) for p in (1, 2)]
        assert len(pairs) == 22
        losses_of_anchors.append(np.mean(pairs))
    return np.array(losses_of_anchors)


def test_published_layout_with_companions_is_the_release():
    x = embeddings(21)
    loss = losses.DualStreamContrast(MODALITIES, temperature=TAU, pairs="companions")
    found = call(loss, np.zeros(21), float32(x))
    np.testing.assert_allclose(found, published_with_companions(x, 3), rtol=1e-5)


def by_labels(x, classes, layout):
    rows = len(classes)
    found = []
    for i in range(rows):
        others = [j for j in range(rows) if j != i]
        same = [j for j in others if classes[j] == classes[i]]
        foreign = [j for j in others if classes[j] != classes[i]]
        pairs = []
        for m in ("audio", "vision"):
            if layout == "published":
                negatives = [x["text"][j] for j in foreign]
            else:
                negatives = [x[m][j] for j in others]
            pairs.append(cost(x["text"][i], x[m][i], negatives))
        for name, p in itertools.product(x, same):
            against = foreign if layout == "published" else [j for j in others if j != p]
            pairs.append(cost(x[name][i], x[name][p], [x[name][j] for j in against]))
        found.append(np.mean(pairs))
    return np.array(found)


@pytest.mark.parametrize("layout", ["published", "all_negatives"])
def test_pairs_by_label_against_loops(layout):
    x, classes = embeddings(6), [0, 1, 0, 2, 1, 1]
    loss = losses.DualStreamContrast(MODALITIES, temperature=TAU, pair_layout=layout)
    np.testing.assert_allclose(
        call(loss, classes, float32(x)), by_labels(x, classes, layout), rtol=1e-5
    )


def test_corrected_layout_takes_companions_by_their_labels():
    x, classes = float32(embeddings(7)), [0, 0, 0, 1, 1, 1, 2]
    found = [
        call(
            losses.DualStreamContrast(MODALITIES, pair_layout="all_negatives", pairs=pairs),
            classes,
            x,
        )
        for pairs in ("labels", "companions")
    ]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("pairs", ["labels", "companions"])
@pytest.mark.parametrize("layout", ["published", "all_negatives"])
def test_scale_of_embeddings_does_not_matter(layout, pairs):
    x, labels = embeddings(14), np.arange(14) % 3
    loss = losses.DualStreamContrast(MODALITIES, pair_layout=layout, pairs=pairs)
    scaled = {name: 1000.0 * value for name, value in x.items()}
    np.testing.assert_allclose(
        call(loss, labels, float32(scaled)), call(loss, labels, float32(x)), rtol=1e-5
    )


def test_an_anchor_without_negatives_costs_nothing_as_published_and_something_corrected():
    x, one_class = float32(embeddings(5)), np.zeros(5)
    published = losses.DualStreamContrast(MODALITIES)
    np.testing.assert_array_equal(call(published, one_class, x), 0.0)
    corrected = losses.DualStreamContrast(MODALITIES, pair_layout="all_negatives")
    assert (call(corrected, one_class, x) > 0.1).all()


@pytest.mark.parametrize("layout", ["published", "all_negatives"])
def test_a_sample_alone_a_class_of_one_and_labels_that_are_not_finite(layout):
    loss = losses.DualStreamContrast(MODALITIES, pair_layout=layout)
    np.testing.assert_allclose(call(loss, [1.0], float32(embeddings(1))), 0.0, atol=1e-6)
    x = embeddings(4)
    # Row 3 has no label: it is in no label pair, and where rows count by their place it still does.
    found = call(loss, [0.0, 0.0, 1.0, np.nan], float32(x))
    assert np.isfinite(found).all()
    supervised = losses.DualStreamContrast(MODALITIES, pair_layout=layout, semantic=False)
    known = {name: value[:3] for name, value in x.items()}
    np.testing.assert_allclose(
        call(supervised, [0.0, 0.0, 1.0, np.nan], float32(x)),
        [*call(supervised, [0.0, 0.0, 1.0], float32(known)), 0.0],
        rtol=1e-5,
    )


def test_a_zero_vector_is_at_a_right_angle_to_everything():
    x = embeddings(4)
    x["audio"][:] = 0.0
    classes = [0, 1, 0, 1]
    found = call(losses.DualStreamContrast(MODALITIES, temperature=TAU), classes, float32(x))
    np.testing.assert_allclose(found, by_labels(x, classes, "published"), rtol=1e-5)


@keras.saving.register_keras_serializable("test")
class Embeddings(keras.layers.Layer):
    """Trainable embeddings under a loss, so that `fit` makes gradients on every backend."""

    def __init__(self, values, loss, **kwargs):
        super().__init__(**kwargs)
        self.values, self.loss = values, loss

    def build(self, inputs_shape):
        self.rows = {}
        for name, value in self.values.items():
            self.rows[name] = self.add_weight(
                shape=value.shape, initializer=lambda shape, dtype, v=value: ops.cast(v, dtype)
            )

    def call(self, inputs):
        return self.loss(inputs, {name: row.value for name, row in self.rows.items()})[None]


def movement(x, loss):
    """How far one step of descent moves each embedding."""
    layer = Embeddings(x, loss)
    inputs = keras.Input(batch_shape=(7, 1))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, z: ops.mean(z))
    labels = np.float32([[0], [0], [0], [1], [1], [2], [2]])
    model.fit(labels, np.zeros((7, 1)), batch_size=7, verbose=0)
    return {
        name: np.abs(ops.convert_to_numpy(layer.rows[name]) - x[name]).max(axis=1) for name in x
    }


@pytest.mark.parametrize("layout", ["published", "all_negatives"])
def test_every_embedding_learns_but_the_zero_vector(layout):
    x = embeddings(7)
    x["vision"][:] = 0.0
    loss = losses.DualStreamContrast(MODALITIES, pair_layout=layout, pairs="companions")
    moved = movement(x, loss)
    np.testing.assert_array_equal(moved.pop("vision"), 0.0)
    assert all((value > 1e-5).all() for value in moved.values())


def test_semantic_pairs_of_companions_teach_nothing_as_published():
    x = embeddings(7, MODALITIES)
    for layout, learn in (("published", False), ("all_negatives", True)):
        loss = losses.DualStreamContrast(
            MODALITIES, pair_layout=layout, pairs="companions", supervised=False
        )
        moved = movement(x, loss)["audio"]
        assert moved[0] > 1e-5
        assert ((moved[1:] > 1e-5) == learn).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.NTXent(0.1),
        lambda: losses.SupervisedContrastive(0.1, class_width=0.2),
        lambda: losses.DualStreamContrast(
            MODALITIES, "audio", 0.1, "all_negatives", "companions", False, True, 0.2
        ),
    ],
)
def test_config_round_trip(make):
    loss = make()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


def test_a_loss_called_as_keras_calls_it_is_the_mean():
    x = float32(embeddings(14))
    loss = losses.DualStreamContrast(MODALITIES, pairs="companions")
    labels = np.zeros((14, 1), "float32")
    assert float(loss(labels, x)) == pytest.approx(call(loss, labels, x).mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pair_layout": "publishd"}, "published, all_negatives"),
        ({"pairs": "sampler"}, "labels, companions"),
        ({"anchor": "speech"}, "text, audio, vision"),
        ({"temperature": 0.0}, "above 0"),
    ],
)
def test_unknown_options_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        losses.DualStreamContrast(MODALITIES, **arguments)


def test_rows_that_are_no_groups_and_several_labels_are_told():
    loss = losses.DualStreamContrast(MODALITIES, pairs="companions")
    with pytest.raises(ValueError, match="7 for each anchor.*Received: 8 rows"):
        loss(np.zeros((8, 1), "float32"), float32(embeddings(8)))
    with pytest.raises(ValueError, match="one label a sample"):
        losses.DualStreamContrast(MODALITIES)(
            np.zeros((7, 4, 2), "float32"), float32(embeddings(7))
        )
