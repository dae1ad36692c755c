"""The benchmark's plain MulT is the original: its weights in, its output out."""

import importlib.util
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

ROOT = pathlib.Path(__file__).parents[2]
LETTERS = {"l": "text", "a": "audio", "v": "vision"}


def plain_mult():
    spec = importlib.util.spec_from_file_location(
        "plain_mult", ROOT / "benchmarks" / "plain_mult.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_name(name):
    """Translate a parameter name of the original into PlainMulT's."""
    first, _, rest = name.partition(".")
    parts = first.split("_")
    if first.startswith("trans") and parts[-1] == "mem":
        first = f"memory.{LETTERS[parts[1]]}"
    elif first.startswith("trans"):
        first = f"crossmodal.{LETTERS[parts[3]]}_to_{LETTERS[parts[1]]}"
    elif first in ("proj_l", "proj_a", "proj_v"):
        first = f"projection.{LETTERS[parts[1]]}"
    else:
        first = {"proj1": "hidden1", "proj2": "hidden2", "out_layer": "head"}[first]
    for old, new in {
        "self_attn.in_proj_": "attention.input.",
        "self_attn.out_proj": "attention.output",
        "layer_norms": "norms",
        "layer_norm.": "norm.",
        "fc1": "expand",
        "fc2": "contract",
    }.items():
        rest = rest.replace(old, new)
    return f"{first}.{rest}"


def test_matches_the_original(shared_data):
    with np.load(shared_data / "mult_reference" / "mult_2_layers.npz") as file:
        reference = {name: torch.from_numpy(file[name]) for name in file.files}
    inputs = {name: reference[name] for name in LETTERS.values()}
    model = (
        plain_mult()
        .PlainMulT(
            {name: x.shape[-1] for name, x in inputs.items()}, dim=30, num_heads=5, num_layers=2
        )
        .eval()
    )
    model.load_state_dict(
        {own_name(name[2:]): w for name, w in reference.items() if name.startswith("w:")}
    )
    with torch.no_grad():
        # float32 against float32, sums taken in another order: 1e-5 is some 100 roundings.
        np.testing.assert_allclose(model.features(inputs), reference["features"], atol=1e-5)
        np.testing.assert_allclose(model(inputs), reference["output"], atol=1e-5)


@pytest.mark.parametrize(
    "modalities, count",
    [
        ({"text": 300, "audio": 5, "vision": 20}, 1_537_241),
        ({"text": 300, "audio": 74, "vision": 35}, 1_540_601),
    ],
)
def test_has_the_papers_size(modalities, count):
    model = plain_mult().PlainMulT(modalities, dim=40, num_layers=4)
    assert sum(p.numel() for p in model.parameters()) == count
