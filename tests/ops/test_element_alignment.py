import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import propagated_alignment
from kerasfuse.ops.confident_pairs import confident_pairs


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


def oracle(queries, keys, query_mask, key_mask, tau, propagate=True, mean=True):
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
                gap = q[:, None] - k[None]
                scale = 1.0
                if mean:
                    scale = 1.0 / (max(kept.sum(), 1) * batch * heads * len(queries))
                loss += scale * (kept * (gap**2).sum(-1)).sum()
                query_gradients[i][b, :, h] = 2 * scale * (kept[..., None] * gap).sum(1)
                key_gradients[i][b, :, h] = -2 * scale * (kept[..., None] * gap).sum(0)
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
def test_the_loss_equals_explicit_sums(stack, tau, propagate, mean):
    value = propagated_alignment(*tensors(stack), tau=tau, propagate=propagate, mean=mean)
    expected, _, _ = oracle(*stack, tau, propagate, mean)
    np.testing.assert_allclose(float(value), expected, rtol=1e-4)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("entries", [700, 130, 40])
def test_blocks_change_nothing(stack, monkeypatch, entries):
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.element_alignment.{name}", entries)
    value = propagated_alignment(*tensors(stack), tau=0.3)
    np.testing.assert_allclose(float(value), oracle(*stack, 0.3)[0], rtol=1e-4)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("entries", [2**21, 700, 130, 40])
def test_gradients_reach_queries_and_keys_and_not_the_selection(stack, monkeypatch, entries):
    for name in ("_BLOCK_ENTRIES", "_GPU_BLOCK_ENTRIES"):
        monkeypatch.setattr(f"kerasfuse.ops.element_alignment.{name}", entries)
    queries, keys, query_mask, key_mask = stack

    class Aligned(keras.layers.Layer):
        def build(self, shape):
            self.vectors = [
                self.add_weight(shape=x.shape, initializer="zeros", name=f"x{i}")
                for i, x in enumerate([*queries, *keys])
            ]

        def call(self, inputs):
            values = [ops.convert_to_tensor(v) for v in self.vectors]
            masks = ops.convert_to_tensor(query_mask), ops.convert_to_tensor(key_mask)
            loss = propagated_alignment(values[:3], values[3:], *masks, tau=0.3)
            return ops.reshape(loss, (1, 1)) + 0.0 * inputs

        def compute_output_shape(self, shape):
            return (1, 1)

    layer = Aligned()
    model = keras.Sequential([keras.Input((1,), batch_size=1), layer])
    for weight, value in zip(layer.vectors, [*queries, *keys], strict=True):
        weight.assign(value)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda truth, value: value)
    model.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
    _, query_gradients, key_gradients = oracle(*stack, 0.3)
    pairs = zip(layer.vectors, [*queries, *keys], [*query_gradients, *key_gradients], strict=True)
    for weight, before, gradient in pairs:
        np.testing.assert_allclose(before - np.array(weight), gradient, atol=1e-6)


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
    for tau in (0.3, 1.0):
        assert float(propagated_alignment([x], [x + 1.0], absent, real, tau)) == 0.0
        assert float(propagated_alignment([x], [x + 1.0], real, absent, tau)) == 0.0


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
