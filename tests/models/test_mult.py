"""MulT is the original: its parameter counts, and its outputs from its weights."""

import numpy as np
import pytest

from kerasfuse.models import MulT

LETTERS = {"text": "l", "audio": "a", "vision": "v"}


@pytest.mark.parametrize(
    "widths, num_outputs, count",
    [
        ({"text": 300, "audio": 5, "vision": 20}, 1, 1_071_211),
        ({"text": 300, "audio": 74, "vision": 35}, 1, 1_073_731),
        ({"text": 300, "audio": 74, "vision": 35}, 8, 1_074_998),
    ],
    ids=["mosi", "mosei", "iemocap"],
)
def test_parameters_are_those_of_the_original(widths, num_outputs, count):
    model = MulT(widths, num_outputs, dim=30, num_heads=5, num_layers=5)
    assert model.count_params() == count


@pytest.fixture(scope="module")
def reference(shared_data):
    path = shared_data / "mult_reference" / "mult_2_layers.npz"
    if not path.is_file():
        pytest.skip(f"no reference outputs of the original MulT at {path}")
    with np.load(path) as arrays:
        return dict(arrays)


def assign_norm(norm, weights, name):
    norm.gamma.assign(weights[f"{name}.weight"])
    norm.beta.assign(weights[f"{name}.bias"])


def assign_dense(dense, kernel, bias):
    dense.kernel.assign(kernel.T)
    dense.bias.assign(bias)


def assign_block(block, weights, name):
    attention = block.attention
    kernels = np.split(weights[f"{name}.self_attn.in_proj_weight"], 3)
    biases = np.split(weights[f"{name}.self_attn.in_proj_bias"], 3)
    projections = (
        attention.query_projection,
        attention.key_projection,
        attention.value_projection,
    )
    for projection, kernel, bias in zip(projections, kernels, biases, strict=True):
        assign_dense(projection, kernel, bias)
    for dense, part in (
        (attention.output_projection, "self_attn.out_proj"),
        (block.expand, "fc1"),
        (block.contract, "fc2"),
    ):
        assign_dense(dense, weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"])
    assign_norm(block.attention_norm, weights, f"{name}.layer_norms.0")
    assign_norm(block.feedforward_norm, weights, f"{name}.layer_norms.1")


def original(weights, **options):
    """Build MulT with the original's options and weights."""
    widths = {"text": 300, "audio": 5, "vision": 20}
    model = MulT(widths, dim=30, num_heads=5, num_layers=2, **options)
    for m, letter in LETTERS.items():
        projection = model.get_layer(f"{m}_projection").convolution
        projection.kernel.assign(weights[f"proj_{letter}.weight"].transpose(2, 1, 0))
        summary = model.get_layer(f"{m}_summary")
        for i, block in enumerate(summary.blocks):
            assign_block(block, weights, f"trans_{letter}_mem.layers.{i}")
        assign_norm(summary.norm, weights, f"trans_{letter}_mem.layer_norm")
        for source in LETTERS.keys() - {m}:
            name = f"trans_{letter}_with_{LETTERS[source]}"
            for i in range(2):
                block = model.get_layer(f"{source}_to_{m}_block_{i}")
                assign_block(block, weights, f"{name}.layers.{i}")
            assign_norm(model.get_layer(f"{source}_to_{m}_norm"), weights, f"{name}.layer_norm")
    head = model.get_layer("head")
    for dense, name in (
        (head.hidden, "proj1"),
        (head.residual, "proj2"),
        (head.scores, "out_layer"),
    ):
        assign_dense(dense, weights[f"{name}.weight"], weights[f"{name}.bias"])
    return model


def test_outputs_are_those_of_the_original(reference):
    weights = {k.removeprefix("w:"): v for k, v in reference.items() if k.startswith("w:")}
    model = original(weights, mask_padding=False, causal=True)
    inputs = {m: reference[m] for m in LETTERS}
    output = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(output, reference["output"], atol=1e-5)
    parts = model.extract("summary/text", "summary/audio", "summary/vision")
    parts = parts.predict(inputs, verbose=0)
    features = np.concatenate([parts[f"summary/{m}"] for m in LETTERS], axis=1)
    np.testing.assert_allclose(features, reference["features"], atol=1e-5)


def test_masking_the_padding_is_another_model(reference):
    # The reference inputs have leading zero frames, which the original attends to.
    weights = {k.removeprefix("w:"): v for k, v in reference.items() if k.startswith("w:")}
    output = original(weights).predict({m: reference[m] for m in LETTERS}, verbose=0)
    assert np.abs(output - reference["output"]).max() > 1e-3
