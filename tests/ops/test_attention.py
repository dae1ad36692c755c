import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import attention_scores, causal_slack_mask, fused_attention


def oracle(query, key, value, mask, causal):
    """Attention of one sample and head after another, float64."""
    batch, steps, heads, width = query.shape
    output = np.zeros((batch, steps, heads, value.shape[-1]))
    scores = np.zeros((batch, heads, steps, key.shape[1]))
    slack = abs(key.shape[1] - steps)
    for b in range(batch):
        for h in range(heads):
            for i in range(steps):
                seen = mask[b] & (~np.array(causal) | (np.arange(key.shape[1]) <= i + slack))
                if seen.any():
                    logits = key[b, seen, h].astype("float64") @ query[b, i, h] / np.sqrt(width)
                    weights = np.exp(logits - logits.max())
                    scores[b, h, i, seen] = weights / weights.sum()
                    output[b, i, h] = scores[b, h, i, seen] @ value[b, seen, h]
    return output, scores


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("head_dim", [4, 5, 8])
def test_both_paths_equal_the_oracle(causal, head_dim):
    rng = np.random.default_rng(0)
    query = rng.normal(size=(3, 7, 2, head_dim)).astype("float32")
    key, value = rng.normal(size=(2, 3, 9, 2, head_dim)).astype("float32")
    mask = np.ones((3, 9), bool)
    mask[0, 6:] = False
    mask[1, :4] = False
    output, scores = oracle(query, key, value, mask, causal)
    q, k, v, m = (ops.convert_to_tensor(x) for x in (query, key, value, mask))
    np.testing.assert_allclose(np.array(attention_scores(q, k, m, causal)), scores, atol=1e-6)
    # Rows that see no key at all, which left padding under a causal mask makes, are arbitrary.
    sees = scores.sum(-1).transpose(0, 2, 1) > 0.5
    fused = np.array(fused_attention(q, k, v, m, causal))
    np.testing.assert_allclose(fused[sees], output[sees], atol=2e-6)
    assert np.isfinite(fused).all()


def test_without_any_valid_key_scores_are_zero_and_the_output_is_finite():
    x = ops.ones((1, 3, 2, 4))
    mask = ops.zeros((1, 3), dtype="bool")
    assert np.array(attention_scores(x, x, mask)).max() == 0.0
    assert np.isfinite(np.array(fused_attention(x, x, x, mask))).all()


def test_the_causal_mask_has_slack_for_sequences_of_two_lengths():
    expected = [[True, True, True, False], [True, True, True, True]]
    assert np.array(causal_slack_mask(2, 4)).tolist() == expected
    assert np.array(causal_slack_mask(3, 3)).tolist() == np.tri(3, dtype=bool).tolist()
