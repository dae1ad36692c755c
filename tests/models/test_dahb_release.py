"""DAHB's variant of the authors' release against the release's equations in numpy, float64."""

import math

import numpy as np
import pytest

from kerasfuse.layers import Dropout
from kerasfuse.models import DAHB

WIDTHS = {"text": 6, "audio": 4, "vision": 5}
STEPS = {"text": 5, "audio": 7, "vision": 6}
OTHERS = ("audio", "vision")
D, HEADS, INNER, LAYERS, LEVELS, TOKENS = 8, 2, 16, 2, 2, 4
ALIGNMENT_HEAD = 32


def waves(shape, count):
    """Give numbers that no library's generator decides."""
    size = math.prod(shape)
    return np.sin(1.7 * np.arange(1, size + 1) + count).reshape(shape)


# Without padding, of which the release sees some.
X = {m: waves((3, STEPS[m], w), i) for i, (m, w) in enumerate(WIDTHS.items())}

# What the modules of the release give with the weights below, run once in PyTorch in float64.
RELEASED = [0.0189301508856, 0.614050791163, 0.478569439058]


@pytest.fixture(scope="module")
def model():
    # The release has BERT in front of the text, and no encoder; the first token stands for [CLS].
    return DAHB(
        WIDTHS,
        dim=D,
        num_heads=HEADS,
        feedforward_units=INNER,
        encoder_layers={"text": 0, "audio": LAYERS, "vision": LAYERS},
        fusion_layers=LEVELS,
        num_bottlenecks=TOKENS,
        max_steps=8,
        variant="release",
    )


@pytest.fixture(scope="module")
def weights(model):
    """Load the same weights into the model and into a dict, by the part of the release."""
    variables = dict(named_variables(model))
    assert {id(v) for v in variables.values()} == {id(v) for v in model.weights}
    values = {}
    for count, (name, variable) in enumerate(sorted(variables.items())):
        values[name] = 0.4 * waves(variable.shape, count) + name.endswith("gamma")
        variable.assign(values[name])
    return values


def named_variables(model):
    def of(name, layer):
        for variable in layer.weights:
            yield f"{name}/{variable.name}", variable

    for i in range(2):
        yield from of(f"text/projection/{i}", model.get_layer(f"text_projection_{i}"))
    yield from of("text/norm", model.get_layer("text_projection_norm"))
    yield from of("text/first", model.get_layer("text_first_token"))
    for m in OTHERS:
        yield from of(f"{m}/projection", model.get_layer(f"{m}_projection"))
        yield from of(f"{m}/first", model.get_layer(f"{m}_first_token"))
        yield from of(f"{m}/positions", model.get_layer(f"{m}_positions"))
        for i in range(LAYERS):
            block = model.get_layer(f"{m}_{i}")
            attention = block.attention
            yield from of(f"{m}/{i}/query", attention.query_projection)
            yield from of(f"{m}/{i}/key", attention.key_projection)
            yield from of(f"{m}/{i}/value", attention.value_projection)
            yield from of(f"{m}/{i}/output", attention.output_projection)
            yield from block_parts(of, f"{m}/{i}", block)
        yield from of(f"{m}/norm", model.get_layer(f"{m}_norm"))
    alignment = model.get_layer("temporal_alignment").attention
    yield from attention_parts(of, "alignment", alignment)
    yield from of("alignment/output", alignment.output_projection)
    fusion = model.get_layer("bottleneck")
    for level in range(LEVELS):
        blocks = {"encode": fusion.encoders[level], "gather": fusion.gather[level]}
        blocks |= {f"update_{m}": block for m, block in fusion.spread[level].items()}
        for part, block in blocks.items():
            yield from attention_parts(of, f"{part}/{level}", block.attention)
            yield from block_parts(of, f"{part}/{level}", block)
    for name in ("classifier_0", "classifier_1", "scores"):
        yield from of(name, model.get_layer(name))


def attention_parts(of, name, attention):
    yield from of(f"{name}/query", attention.query_projection)
    for m in attention.key_projections:
        yield from of(f"{name}/key/{m}", attention.key_projections[m])
        yield from of(f"{name}/value/{m}", attention.value_projections[m])


def block_parts(of, name, block):
    yield from of(f"{name}/inner", block.inner)
    yield from of(f"{name}/outer", block.outer)
    for i, norm in enumerate(block.norms):
        yield from of(f"{name}/norm/{i}", norm)


class Release:
    """The equations of the release, one sample at a time: arrays are `(steps, width)`."""

    def __init__(self, weights):
        self.weights = weights

    def linear(self, name, x):
        return x @ self.weights[f"{name}/kernel"] + self.weights.get(f"{name}/bias", 0.0)

    def norm(self, name, x):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)
        return x * self.weights[f"{name}/gamma"] + self.weights[f"{name}/beta"]

    def attend(self, query, keys, values, divisor):
        """Multi-head attention before any output projection; logits over a root."""
        heads = []
        for head in range(HEADS):
            q, k, v = (np.split(x, HEADS, axis=1)[head] for x in (query, keys, values))
            scores = np.exp(q @ k.T / math.sqrt(divisor))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ v)
        return np.concatenate(heads, axis=1)

    def feedforward(self, name, x):
        return self.linear(f"{name}/outer", gelu(self.linear(f"{name}/inner", x)))

    def text(self, x):
        for i in range(2):
            x = gelu(self.linear(f"text/projection/{i}", x))
        return np.concatenate([self.weights["text/first/tokens"][0], self.norm("text/norm", x)])

    def encode(self, m, x):
        x = self.linear(f"{m}/projection", x) + self.weights[f"{m}/positions/table"][: len(x)]
        x = np.concatenate([self.weights[f"{m}/first/tokens"][0], x])
        for i in range(LAYERS):
            name = f"{m}/{i}"
            q, k, v = (self.linear(f"{name}/{part}", x) for part in ("query", "key", "value"))
            attended = self.linear(f"{name}/output", self.attend(q, k, v, D / HEADS))
            x = self.norm(f"{name}/norm/0", x + attended)
            x = self.norm(f"{name}/norm/1", x + self.feedforward(name, x))
        return self.norm(f"{m}/norm", x)

    def look(self, name, x, sources, divisor):
        """Look from x at each source, with a query projection that the sources share."""
        query = self.linear(f"{name}/query", x)
        return sum(
            self.attend(
                query,
                self.linear(f"{name}/key/{m}", source),
                self.linear(f"{name}/value/{m}", source),
                divisor,
            )
            for m, source in sources.items()
        )

    def align(self, text, sources):
        found = self.look("alignment", text, sources, ALIGNMENT_HEAD)
        return text + self.linear("alignment/output", found)

    def gather(self, name, x, sources):
        x = self.norm(f"{name}/norm/0", x + self.look(name, x, sources, D / HEADS))
        return self.norm(f"{name}/norm/1", x + self.feedforward(name, x))

    def on_branch(self, name, x, source):
        x = x + self.norm(f"{name}/norm/0", self.look(name, x, source, D))
        return x + self.norm(f"{name}/norm/1", self.feedforward(name, x))

    def fuse(self, fused, streams):
        for level in range(LEVELS):
            tokens = self.on_branch(f"encode/{level}", fused, {"self": fused})
            tokens = tokens[: TOKENS // 2**level]
            fused = self.gather(f"gather/{level}", tokens, streams)
            hub = {"bottleneck": fused}
            streams = {m: self.on_branch(f"update_{m}/{level}", x, hub) for m, x in streams.items()}
        return fused, streams

    def __call__(self, x):
        text = self.text(x["text"])
        others = {m: self.encode(m, x[m]) for m in OTHERS}
        aligned = self.align(text, others)
        streams = {"text": text, **others}
        means = {m: stream.mean(axis=0) for m, stream in streams.items()}
        fused, streams = self.fuse(aligned, streams)
        y = np.concatenate([fused[0], *(stream[0] for stream in streams.values())])
        for name in ("classifier_0", "classifier_1"):
            y = gelu(self.linear(name, y))
        return self.linear("scores", y), aligned, means


def gelu(x):
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def test_outputs_are_those_of_the_release(model, weights):
    release = Release(weights)
    y, aligned, means = zip(
        *(release({m: x[sample] for m, x in X.items()}) for sample in range(3)), strict=True
    )
    np.testing.assert_allclose(np.ravel(y), RELEASED, rtol=0, atol=1e-11)
    inputs = {m: x.astype("float32") for m, x in X.items()}
    outputs = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(outputs[:, 0], RELEASED, rtol=0, atol=1e-5)
    inner = model.extract("aligned", *(f"mean/{m}" for m in WIDTHS)).predict(inputs, verbose=0)
    np.testing.assert_allclose(inner["aligned"], aligned, rtol=0, atol=2e-5)
    for m in WIDTHS:
        expected = [each[m] for each in means]
        np.testing.assert_allclose(inner[f"mean/{m}"], expected, rtol=0, atol=1e-5)


def release_parameters(widths, layers, levels, d=128):
    """Count what the release trains in front of and behind BERT, without positions."""

    def linear(fan_in, fan_out):
        return (fan_in + 1) * fan_out

    norm, feedforward = 2 * d, linear(d, 2 * d) + linear(2 * d, d)
    encoder_layer = 4 * linear(d, d) + feedforward + 2 * norm
    encoders = sum(linear(w, d) + d + layers * encoder_layer + norm for w in widths)
    alignment = 5 * d * 256 + linear(256, d)
    assert alignment == 196_736
    on_branch = 3 * linear(d, d) + feedforward + 2 * norm
    gather = 7 * d**2 + feedforward + 2 * norm
    classifier = linear(4 * d, 2 * d) + linear(2 * d, d) + linear(d, 1)
    text = 768 * d + d**2 + norm
    return text + encoders + alignment + levels * (4 * on_branch + gather) + classifier


@pytest.mark.parametrize(
    ("audio", "vision", "sizes", "steps", "millions"),
    [
        (5, 20, {}, (375, 500), 2.41),  # CMU-MOSI
        (74, 35, {"encoder_layers": 4, "fusion_layers": 3}, (500, 500), 3.61),  # CMU-MOSEI
        (33, 709, {}, (400, 55), 2.45),  # CH-SIMS
    ],
)
def test_parameters_are_those_of_the_release(audio, vision, sizes, steps, millions):
    widths = {"text": 768, "audio": audio, "vision": vision}
    layers, levels = sizes.get("encoder_layers", 2), sizes.get("fusion_layers", 2)
    sizes = sizes | {"encoder_layers": {"text": 0, "audio": layers, "vision": layers}}
    model = DAHB(widths, variant="release", max_steps=1, **sizes)
    expected = release_parameters((audio, vision), layers, levels)
    ours = 128 + 2 * 128  # the text's first token, and one position for each of the others
    assert model.count_params() - ours == expected
    with_positions = expected + (sum(steps) + 2) * 128
    assert round(with_positions / 1e6, 2) == millions
    alignment = model.get_layer("temporal_alignment")
    assert alignment.count_params() == 196_736


def test_the_variant_decides_what_is_not_given():
    def settings(**kwargs):
        config = DAHB(WIDTHS, dim=8, num_heads=2, feedforward_units=6, **kwargs).get_config()
        names = ("norm", "activation", "encoder_layers", "dropout", "encoder_dropout")
        return tuple(config[name] for name in names)

    assert settings() == ("sum", "relu", 1, 0.1, 0.1)
    assert settings(dropout=0.3) == ("sum", "relu", 1, 0.3, 0.3)
    assert settings(variant="release") == ("branch", "gelu", 2, 0.1, 0.5)
    chosen = {"encoder_layers": 1, "activation": "relu", "encoder_dropout": 0.2}
    assert settings(variant="release", **chosen) == ("branch", "relu", 1, 0.1, 0.2)


def test_encoders_drop_half_and_the_fusion_nothing():
    model = DAHB(WIDTHS, dim=8, num_heads=2, feedforward_units=6, variant="release")

    def rates(name):
        layers = model.get_layer(name)._flatten_layers()
        return [layer.rate for layer in layers if isinstance(layer, Dropout)]

    for m in WIDTHS:
        assert rates(f"{m}_dropout") == [0.1]
        for i in range(2):
            assert rates(f"{m}_{i}") == [0.5] * 4  # scores, inside, and twice what is added
    assert set(rates("bottleneck")) == {0.0} and not rates("temporal_alignment")


def test_an_unknown_variant_is_told():
    with pytest.raises(ValueError, match="paper, release. Received: 'dashfusion'"):
        DAHB(WIDTHS, variant="dashfusion")
