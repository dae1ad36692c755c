import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import propagated_alignment
from kerasfuse.ops.confident_pairs import confident_pairs

FORMS = ["none", "norms", "unit", "spread"]


def log_scores(query, key, key_mask):
    logits = query.astype("float64") @ key.T / np.sqrt(query.shape[-1])
    logits = np.where(key_mask, logits, -np.inf)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def selection(query, key, query_mask, key_mask, tau):
    """The confident pairs of one head, by sorting, float64."""
    valid = query_mask[:, None] & key_mask[None]
    if not valid.any():
        return valid
    scores = log_scores(query, key, key_mask)
    ranked = np.sort(scores[valid])[::-1]
    rank = int(np.floor(tau * len(ranked) + 1e-6))
    if rank == len(ranked):
        return valid
    return valid & (scores > ranked[rank])


def lengths(x):
    return np.sqrt((x**2).sum(-1, keepdims=True))


def distances(q, k, query_mask, key_mask, kept, normalise):
    """Sum of the kept squared distances of one head, and its gradients, float64.

    The gradients are the quotient rule, written out by hand.
    """
    if normalise == "unit":
        unit_q, unit_k = q / lengths(q), k / lengths(k)
        cosine = unit_q @ unit_k.T
        value = (kept * (2 - 2 * cosine)).sum()
        to_q = -2 * (kept @ unit_k - (kept * cosine).sum(1)[:, None] * unit_q) / lengths(q)
        to_k = -2 * (kept.T @ unit_q - (kept * cosine).sum(0)[:, None] * unit_k) / lengths(k)
        return value, to_q, to_k
    gap = q[:, None] - k[None]
    value = (kept * (gap**2).sum(-1)).sum()
    to_q, to_k = 2 * (kept[..., None] * gap).sum(1), -2 * (kept[..., None] * gap).sum(0)
    if normalise == "norms":
        count_q, count_k = max(query_mask.sum(), 1), max(key_mask.sum(), 1)
        norm = ((q[query_mask] ** 2).sum() / count_q + (k[key_mask] ** 2).sum() / count_k) / 2
        to_q = to_q / norm - value / norm**2 * query_mask[:, None] * q / count_q
        to_k = to_k / norm - value / norm**2 * key_mask[:, None] * k / count_k
        value = value / norm
    if normalise == "spread" and query_mask.any() and key_mask.any():
        valid = query_mask[:, None] & key_mask[None]
        number = 2 * valid.sum()
        spread = (valid * (gap**2).sum(-1)).sum() / number
        every = valid[..., None] * gap
        to_q = to_q / spread - value / spread**2 * 2 * every.sum(1) / number
        to_k = to_k / spread + value / spread**2 * 2 * every.sum(0) / number
        value = value / spread
    return value, to_q, to_k


def oracle(queries, keys, query_mask, key_mask, tau, propagate=True, mean=True, normalise="none"):
    """Loss and its gradients by explicit sums over pairs, float64; selections held."""
    batch, _, heads, _ = queries[0].shape
    loss = 0.0
    query_gradients = [np.zeros(q.shape) for q in queries]
    key_gradients = [np.zeros(k.shape) for k in keys]
    for b in range(batch):
        for h in range(heads):
            kept = False
            for i, (q, k) in enumerate(zip(queries, keys, strict=True)):
                q, k = q[b, :, h].astype("float64"), k[b, :, h].astype("float64")
                chosen = selection(q, k, query_mask[b], key_mask[b], tau)
                kept = chosen | kept if propagate else chosen
                scale = 1.0
                if mean:
                    scale = 1.0 / (max(kept.sum(), 1) * batch * heads * len(queries))
                value, to_q, to_k = distances(q, k, query_mask[b], key_mask[b], kept, normalise)
                loss += scale * value
                query_gradients[i][b, :, h] = scale * to_q
                key_gradients[i][b, :, h] = scale * to_k
    return loss, query_gradients, key_gradients


@pytest.fixture
def stack():
    rng = np.random.default_rng(0)
    queries = [rng.normal(size=(4, 9, 3, 4)).astype("float32") for _ in range(3)]
    keys = [rng.normal(size=(4, 12, 3, 4)).astype("float32") for _ in range(3)]
    query_mask, key_mask = np.ones((4, 9), bool), np.ones((4, 12), bool)
    query_mask[0, :3], key_mask[0, 8:] = False, False
    key_mask[1, 5] = False
    query_mask[3] = False
    return queries, keys, query_mask, key_mask


def tensors(stack):
    queries, keys, *masks = stack
    convert = ops.convert_to_tensor
    return [convert(q) for q in queries], [convert(k) for k in keys], *map(convert, masks)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("tau", [0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("propagate", [True, False])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("normalise", FORMS)
def test_the_loss_equals_explicit_sums(stack, tau, propagate, mean, normalise):
    value = propagated_alignment(
        *tensors(stack), tau=tau, propagate=propagate, mean=mean, normalise=normalise
    )
    expected, _, _ = oracle(*stack, tau, propagate, mean, normalise)
    np.testing.assert_allclose(float(value), expected, rtol=1e-4)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("entries", [700, 130, 40])
@pytest.mark.parametrize("normalise", FORMS)
def test_blocks_change_nothing(stack, monkeypatch, entries, normalise):
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.element_alignment.{name}", entries)
    value = propagated_alignment(*tensors(stack), tau=0.3, normalise=normalise)
    expected, _, _ = oracle(*stack, 0.3, normalise=normalise)
    np.testing.assert_allclose(float(value), expected, rtol=1e-4)


def gradients(queries, keys, query_mask, key_mask, tau, normalise):
    """What the loss sends to queries and keys, by a step of gradient descent of rate 1."""

    class Aligned(keras.layers.Layer):
        def build(self, shape):
            self.vectors = [
                self.add_weight(shape=x.shape, initializer="zeros", name=f"x{i}")
                for i, x in enumerate([*queries, *keys])
            ]

        def call(self, inputs):
            values = [ops.convert_to_tensor(v) for v in self.vectors]
            sides = values[: len(queries)], values[len(queries) :]
            masks = ops.convert_to_tensor(query_mask), ops.convert_to_tensor(key_mask)
            loss = propagated_alignment(*sides, *masks, tau=tau, normalise=normalise)
            return ops.reshape(loss, (1, 1)) + 0.0 * inputs

        def compute_output_shape(self, shape):
            return (1, 1)

    layer = Aligned()
    model = keras.Sequential([keras.Input((1,), batch_size=1), layer])
    for weight, value in zip(layer.vectors, [*queries, *keys], strict=True):
        weight.assign(value)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda truth, value: value)
    model.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
    pairs = zip(layer.vectors, [*queries, *keys], strict=True)
    return [before - np.array(weight) for weight, before in pairs]


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("entries", [2**21, 700, 130, 40])
@pytest.mark.parametrize("normalise", FORMS)
def test_gradients_reach_queries_and_keys_and_not_the_selection(
    stack, monkeypatch, entries, normalise
):
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.element_alignment.{name}", entries)
    _, query_gradients, key_gradients = oracle(*stack, 0.3, normalise=normalise)
    found = gradients(*stack, tau=0.3, normalise=normalise)
    for gradient, expected in zip(found, [*query_gradients, *key_gradients], strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("normalise", ["norms", "unit", "spread"])
def test_a_single_layer_and_its_gradients(stack, normalise):
    queries, keys, *masks = stack
    _, [to_queries], [to_keys] = oracle(queries[:1], keys[:1], *masks, 0.3, normalise=normalise)
    found = gradients(queries[:1], keys[:1], *masks, tau=0.3, normalise=normalise)
    np.testing.assert_allclose(found[0], to_queries, atol=1e-6)
    np.testing.assert_allclose(found[1], to_keys, atol=1e-6)


@pytest.mark.parametrize("normalise", FORMS)
def test_shrinking_pays_as_printed_and_in_no_other_form(stack, normalise):
    """The gradient along the common scale of queries and keys is 2 d as printed, and 0 else."""
    queries, keys, *masks = stack
    found = gradients(queries, keys, *masks, tau=0.3, normalise=normalise)
    along = sum((g * x).sum() for g, x in zip(found, [*queries, *keys], strict=True))
    loss, _, _ = oracle(*stack, 0.3, normalise=normalise)
    np.testing.assert_allclose(along, 2 * loss if normalise == "none" else 0.0, atol=1e-5)


@pytest.mark.parametrize("normalise", FORMS)
def test_a_common_shift_pays_where_lengths_are_measured(stack, normalise):
    """Confident pairs are those of the queries and keys as they are: here, all of them."""
    queries, keys, *masks = stack
    shifted = [[x + 100.0 for x in side] for side in (queries, keys)]
    before, after = (
        float(propagated_alignment(*tensors((*sides, *masks)), tau=1.0, normalise=normalise))
        for sides in ((queries, keys), shifted)
    )
    if normalise in ("norms", "unit"):
        assert after < 1e-3 * before
    else:
        np.testing.assert_allclose(after, before, rtol=1e-3)


def test_pairs_as_far_apart_as_any_are_2_of_the_spread_apart(stack):
    """Whatever the queries and keys: at tau = 1 all pairs are confident."""
    queries, keys, *_ = stack
    real = [np.ones(x[0].shape[:2], bool) for x in (queries, keys)]
    loss = propagated_alignment(*tensors((queries, keys, *real)), tau=1.0, normalise="spread")
    np.testing.assert_allclose(float(loss), 2.0, rtol=1e-5)


@pytest.mark.parametrize("normalise", FORMS)
def test_what_has_no_length_gets_no_nan(stack, normalise):
    """Zeros at real steps, and a sample of zeros alone."""
    queries, keys, *masks = stack
    for x in (*queries, *keys):
        x[1, 2] = 0.0
        x[2] = 0.0
    tau = 1.0  # so that what is uniform is selected as well
    found = gradients(queries, keys, *masks, tau=tau, normalise=normalise)
    assert all(np.isfinite(g).all() for g in found)
    assert all((g[2] == 0).all() for g in found)
    if normalise == "unit":
        assert all((g[1, 2] == 0).all() for g in found)
    assert np.isfinite(float(propagated_alignment(*tensors(stack), tau=tau, normalise=normalise)))


@pytest.mark.parametrize("normalise", ["norms", "spread"])
def test_padding_does_not_count_in_the_means(stack, normalise):
    queries, keys, query_mask, key_mask = stack
    before = float(propagated_alignment(*tensors(stack), tau=0.3, normalise=normalise))
    for x, mask in ((queries, query_mask), (keys, key_mask)):
        for layer in x:
            layer[~mask] = 100.0
    after = float(propagated_alignment(*tensors(stack), tau=0.3, normalise=normalise))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_unrelated_queries_and_keys_are_2_apart_in_every_form_but_the_printed_one():
    rng = np.random.default_rng(3)
    q, k = (ops.convert_to_tensor(rng.normal(size=(64, 30, 2, 8)), "float32") for _ in range(2))
    real = ops.ones((64, 30), dtype="bool")
    for form in ("norms", "unit", "spread"):
        value = float(propagated_alignment([q], [k], real, real, tau=1.0, normalise=form))
        # 64 x 2 matrices of 900 pairs: the mean of the cosines has a deviation of about 1e-3.
        np.testing.assert_allclose(value, 2.0, atol=0.02)


def test_an_unknown_form_is_refused(stack):
    with pytest.raises(ValueError, match="'norms', 'unit', 'spread'.*Received: 'length'"):
        propagated_alignment(*tensors(stack), normalise="length")


@pytest.mark.usefixtures("either_device")
def test_exactly_floor_tau_n_entries_of_each_head_are_selected():
    rng = np.random.default_rng(1)
    query = rng.normal(size=(2, 3, 40, 5)).astype("float32")
    key = rng.normal(size=(2, 3, 25, 5)).astype("float32")
    for tau in (0.05, 0.25, 0.29, 0.7):
        [margins] = confident_pairs(
            ops.convert_to_tensor(query),
            ops.convert_to_tensor(key),
            ops.ones((2, 40), dtype="bool"),
            ops.ones((2, 25), dtype="bool"),
            tau,
        )
        counts = (np.array(margins) > 0).sum((2, 3))
        assert (counts == np.floor(tau * 1000 + 1e-6)).all()


@pytest.mark.usefixtures("either_device")
def test_uniform_attention_selects_nothing():
    queries, keys = ops.zeros((2, 6, 2, 4)), ops.ones((2, 8, 2, 4))
    masks = ops.ones((2, 6), dtype="bool"), ops.ones((2, 8), dtype="bool")
    assert float(propagated_alignment([queries], [keys], *masks, tau=0.3)) == 0.0


@pytest.mark.usefixtures("either_device")
def test_an_absent_modality_gives_zero():
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 6, 2, 4)).astype("float32"))
    real, absent = ops.ones((2, 6), dtype="bool"), ops.zeros((2, 6), dtype="bool")
    for tau, form in itertools.product((0.3, 1.0), FORMS):
        for masks in ((absent, real), (real, absent), (absent, absent)):
            value = propagated_alignment([x], [x + 1.0], *masks, tau, normalise=form)
            assert float(value) == 0.0


def test_equal_queries_and_keys_have_no_distance():
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 1, 2, 4)).astype("float32"))
    real = ops.ones((2, 1), dtype="bool")
    assert abs(float(propagated_alignment([x], [x], real, real, tau=1.0))) < 1e-6


def test_propagation_selects_more_with_depth(stack):
    queries, keys, query_mask, key_mask = stack
    kept = False
    sizes = []
    for q, k in zip(queries, keys, strict=True):
        chosen = selection(q[1, :, 0], k[1, :, 0], query_mask[1], key_mask[1], 0.3)
        kept = chosen | kept
        sizes.append(kept.sum())
    # The oracle that the loss is compared with does grow; so the comparison above means something.
    assert sizes[0] < sizes[1] < sizes[2]
