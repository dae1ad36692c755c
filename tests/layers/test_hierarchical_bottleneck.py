"""DAHB's attention, alignment and bottleneck against numpy in float64."""

import numpy as np
import pytest
from keras import ops

from kerasfuse import layers
from kerasfuse.ops import first_valid_steps

HEADS, WIDTH = 2, 8
RNG = np.random.default_rng(0)
STREAMS = {name: RNG.normal(size=(3, steps, WIDTH)) for name, steps in (("text", 5), ("audio", 7))}
FUSED = RNG.normal(size=(3, 5, WIDTH))


def some(steps):
    """Masks with padding in front, behind, and a missing frame."""
    valid = np.ones((3, steps), bool)
    valid[0, :2] = False
    valid[1, -1:] = False
    valid[2, 2] = False
    return valid


MASKS = {"text": some(5), "audio": some(7)}


def array(x):
    return ops.convert_to_numpy(x).astype("float64")


def float32(values):
    return {name: np.float32(x) for name, x in values.items()}


def randomise(layer):
    random = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        variable.assign(array(variable) + 0.1 * random.normal(size=variable.shape))


# Of each form: the width of a head, what the logits are divided by, biases of queries, keys and
# values, and the output projection and its bias.
HEAD = WIDTH // HEADS
FORMS = {
    "paper": (HEAD, HEAD**0.5, False, True, False),
    "release": (HEAD, WIDTH**0.5, True, False, False),
    "release_multi_ca": (HEAD, HEAD**0.5, False, False, False),
    "release_alignment": (32, 32**0.5, False, True, True),
}


def linear(dense, x, use_bias):
    assert dense.use_bias == use_bias
    x = x @ array(dense.kernel)
    return x + array(dense.bias) if use_bias else x


def attend(layer, x, sources, masks):
    """MultiCrossAttention, sample by sample and head by head."""
    size, divisor, use_bias, use_output, output_bias = FORMS[layer.form]
    q = linear(layer.query_projection, x, use_bias)
    found = np.zeros_like(q)
    for name, source in sources.items():
        k = linear(layer.key_projections[name], source, use_bias)
        v = linear(layer.value_projections[name], source, use_bias)
        for sample in range(len(x)):
            valid = masks[name][sample]
            if not valid.any():
                continue
            for head in range(HEADS):
                part = slice(head * size, (head + 1) * size)
                logits = q[sample][:, part] @ k[sample][valid][:, part].T / divisor
                weights = np.exp(logits)
                weights /= weights.sum(axis=1, keepdims=True)
                found[sample][:, part] += weights @ v[sample][valid][:, part]
    if not use_output:
        assert not hasattr(layer, "output_projection")
        return found
    return linear(layer.output_projection, found, output_bias)


def normalise(layer, x):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return scaled * array(layer.gamma) + array(layer.beta)


def update(block, x, sources, masks):
    """AttentionBlock with relu."""
    branch = attend(block.attention, x, sources, masks)
    first, second = block.norms
    on_sum = block.norm == "sum"
    z = normalise(first, x + branch) if on_sum else x + normalise(first, branch)
    inner = np.maximum(z @ array(block.inner.kernel) + array(block.inner.bias), 0.0)
    branch = inner @ array(block.outer.kernel) + array(block.outer.bias)
    return normalise(second, z + branch) if on_sum else z + normalise(second, branch)


def test_the_first_real_steps_are_taken_in_order():
    x, mask = RNG.normal(size=(4, 5, 3)).astype("float32"), np.ones((4, 5), bool)
    mask[0, :2], mask[1, 1:], mask[2] = False, False, False
    tokens, valid = (ops.convert_to_numpy(t) for t in first_valid_steps(x, mask, 3))
    np.testing.assert_array_equal(tokens[0], x[0, 2:])
    np.testing.assert_array_equal(tokens[1], [x[1, 0], np.zeros(3), np.zeros(3)])
    np.testing.assert_array_equal(tokens[3], x[3, :3])
    assert valid.tolist() == [[True] * 3, [True, False, False], [False] * 3, [True] * 3]


@pytest.mark.parametrize("form", FORMS)
def test_temporal_alignment_is_equation_2(form):
    layer = layers.TemporalAlignment(HEADS, form)
    sources = {"audio": STREAMS["audio"], "vision": STREAMS["text"][:, ::-1]}
    masks = {"audio": MASKS["audio"], "vision": MASKS["text"]}
    layer(np.float32(FUSED), float32(sources), masks)
    randomise(layer)
    found = layer(np.float32(FUSED), float32(sources), masks)
    expected = FUSED + attend(layer.attention, FUSED, sources, masks)
    np.testing.assert_allclose(array(found), expected, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_an_absent_modality_adds_exactly_nothing(form):
    layer = layers.TemporalAlignment(HEADS, form)
    absent = {"audio": np.zeros((3, 7), bool)}
    x, audio = np.float32(FUSED), {"audio": np.float32(STREAMS["audio"])}
    layer(x, audio, absent)
    randomise(layer)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x, audio, absent)), x)


def test_attention_comes_with_the_output_and_sums_to_one():
    layer = layers.TemporalAlignment(HEADS)
    arguments = (np.float32(FUSED), float32(STREAMS), MASKS)
    plain, (found, maps) = layer(*arguments), layer(*arguments, return_attention_scores=True)
    np.testing.assert_allclose(array(plain), array(found), atol=1e-6)
    assert sorted(maps) == ["audio", "text"]
    np.testing.assert_allclose(array(maps["audio"]).sum(axis=-1), 1.0, atol=1e-5)
    assert array(maps["audio"])[0, :, :2].max() == 0.0


@pytest.mark.parametrize("norm", ["sum", "branch"])
@pytest.mark.parametrize("form", FORMS)
def test_a_block_has_its_norm_where_it_says(norm, form):
    block = layers.AttentionBlock(HEADS, 6, norm=norm, attention_form=form)
    found = block(np.float32(FUSED), float32(STREAMS), MASKS)
    randomise(block)
    found = block(np.float32(FUSED), float32(STREAMS), MASKS)
    np.testing.assert_allclose(array(found), update(block, FUSED, STREAMS, MASKS), atol=1e-5)


def bottleneck(layer, fused, streams, fused_mask, masks):
    """HierarchicalBottleneck, equations 4 to 6."""
    for level, size in enumerate(layer.sizes):
        encoded = update(layer.encoders[level], fused, {"self": fused}, {"self": fused_mask})
        tokens, valid = np.zeros((3, size, WIDTH)), np.zeros((3, size), bool)
        for sample in range(3):
            first = encoded[sample][fused_mask[sample]][:size]
            tokens[sample, : len(first)], valid[sample, : len(first)] = first, True
        fused = update(layer.gather[level], tokens, streams, masks) * valid[:, :, None]
        fused_mask = valid
        streams = {
            m: update(layer.spread[level][m], x, {"bottleneck": fused}, {"bottleneck": valid})
            for m, x in streams.items()
        }
    return fused, {m: x * masks[m][:, :, None] for m, x in streams.items()}


@pytest.mark.parametrize("norm", ["sum", "branch"])
@pytest.mark.parametrize(
    ("form", "gather"), [("paper", "paper"), ("release", "release_multi_ca")], ids=str
)
def test_the_bottleneck_is_equations_4_to_6(norm, form, gather):
    layer = layers.HierarchicalBottleneck(2, 4, HEADS, 6, norm=norm, attention_form=form)
    arguments = (np.float32(FUSED), float32(STREAMS), MASKS["text"], MASKS)
    layer(*arguments)
    randomise(layer)
    fused, streams = layer(*arguments)
    assert [block.attention.form for block in layer.encoders] == [form] * 2
    assert [block.attention.form for block in layer.gather] == [gather] * 2
    assert [block.norm for block in layer.gather] == ["sum"] * 2
    expected, updated = bottleneck(layer, FUSED, STREAMS, MASKS["text"], MASKS)
    np.testing.assert_allclose(array(fused), expected, atol=2e-5)
    for name, x in updated.items():
        np.testing.assert_allclose(array(streams[name]), x, atol=2e-5)


@pytest.mark.parametrize(("halve", "sizes"), [(True, [8, 4, 2, 1, 1]), (False, [8, 8, 8, 8, 8])])
def test_sizes_of_the_bottleneck(halve, sizes):
    assert layers.HierarchicalBottleneck(5, 8, HEADS, 6, halve=halve).sizes == sizes


def test_a_text_shorter_than_the_bottleneck_is_as_if_padded():
    layer = layers.HierarchicalBottleneck(1, 8, HEADS, 6)
    masks = {"text": np.ones((3, 5), bool), "audio": MASKS["audio"]}
    short, streams = layer(np.float32(FUSED), float32(STREAMS), masks["text"], masks)
    assert short.shape == (3, 8, WIDTH)
    np.testing.assert_array_equal(array(short)[:, 5:], 0.0)
    longer = np.pad(np.float32(FUSED), [(0, 0), (4, 3), (0, 0)])
    valid = np.pad(masks["text"], [(0, 0), (4, 3)])
    padded, same = layer(longer, float32(STREAMS), valid, masks)
    np.testing.assert_allclose(array(padded), array(short), atol=1e-5)
    np.testing.assert_allclose(array(same["audio"]), array(streams["audio"]), atol=1e-5)


def test_attention_of_the_bottleneck_has_a_row_for_each_token():
    layer = layers.HierarchicalBottleneck(2, 4, HEADS, 6)
    *_, maps = layer(
        np.float32(FUSED), float32(STREAMS), MASKS["text"], MASKS, return_attention_scores=True
    )
    shapes = {name: tuple(scores.shape) for name, scores in maps.items()}
    assert shapes == {
        "0/text": (3, 4, 5),
        "0/audio": (3, 4, 7),
        "1/text": (3, 2, 5),
        "1/audio": (3, 2, 7),
    }


def test_joint_attention_of_one_modality_is_self_attention():
    layer = layers.JointSelfAttention(1, HEADS, 6)
    x, text = np.float32(FUSED), {"text": MASKS["text"]}
    fused, streams = layer(x, {"text": x}, MASKS["text"], text)
    expected = update(layer.blocks[0], FUSED, {"self": FUSED}, {"self": MASKS["text"]})
    np.testing.assert_allclose(
        array(streams["text"]), expected * MASKS["text"][:, :, None], atol=1e-5
    )
    np.testing.assert_array_equal(array(fused), array(x))


def test_joint_attention_looks_from_each_modality_at_all():
    layer = layers.JointSelfAttention(1, HEADS, 6)
    _, streams = layer(np.float32(FUSED), float32(STREAMS), MASKS["text"], MASKS)
    x = np.concatenate([STREAMS["text"], STREAMS["audio"]], axis=1)
    mask = np.concatenate([MASKS["text"], MASKS["audio"]], axis=1)
    expected = update(layer.blocks[0], x, {"self": x}, {"self": mask}) * mask[:, :, None]
    np.testing.assert_allclose(array(streams["text"]), expected[:, :5], atol=1e-5)
    np.testing.assert_allclose(array(streams["audio"]), expected[:, 5:], atol=1e-5)


def test_cross_attention_updates_the_anchor_alone():
    layer = layers.CrossAttentionFusion("text", 2, HEADS, 6)
    fused, streams = layer(np.float32(FUSED), float32(STREAMS), MASKS["text"], MASKS)
    expected = STREAMS["text"]
    for block in layer.blocks:
        expected = update(block, expected, {"audio": STREAMS["audio"]}, MASKS)
    np.testing.assert_allclose(array(streams["text"]), expected, atol=1e-5)
    np.testing.assert_array_equal(array(streams["audio"]), np.float32(STREAMS["audio"]))


def test_positions_count_from_the_first_real_step_and_end_at_the_last_vector():
    layer = layers.LearnedPositions(3)
    x, mask = np.zeros((2, 6, 4), "float32"), np.ones((2, 6), bool)
    mask[1, :2] = False
    layer(x, mask=mask)
    layer.table.assign(np.arange(3.0)[:, None] * np.ones(4))
    found = array(layer(x, mask=mask))[:, :, 0]
    assert found[0].tolist() == [0, 1, 2, 2, 2, 2]
    assert found[1, 2:].tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.HierarchicalBottleneck(0, 8, 2, 6), "num_layers=0"),
        (lambda: layers.HierarchicalBottleneck(2, 0, 2, 6), "num_bottlenecks=0"),
        (lambda: layers.AttentionBlock(2, 6, norm="pre"), "sum, branch.*'pre'"),
        (
            lambda: layers.AttentionBlock(2, 6, attention_form="dahb"),
            "`attention_form` .* paper, release, release_multi_ca, release_alignment.*'dahb'",
        ),
        (lambda: layers.TemporalAlignment(2, "dahb"), "`form` .*release_alignment.*'dahb'"),
        (
            lambda: layers.HierarchicalBottleneck(2, 8, 2, 6, attention_form="release_multi_ca"),
            "one of paper, release. Received: 'release_multi_ca'",
        ),
        (
            lambda: layers.TemporalAlignment(3)(np.float32(FUSED), float32(STREAMS), MASKS),
            "num_heads=3, width 8",
        ),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
