"""No model launches more on a GPU than was recorded, or waits for it."""

import json
import pathlib
import sys

import keras
import pytest

from kerasfuse import models

if keras.config.backend() != "torch":
    pytest.skip("counts what PyTorch dispatches", allow_module_level=True)
BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import kernels  # noqa: E402
import workloads  # noqa: E402

RECORDED = json.loads((BENCHMARKS / "results/kernels.jsonl").read_text().splitlines()[-1])["rows"]
# A batch of 64 takes a minute, and launches as batches of 4 and 16 do.
SMALL = [row for row in RECORDED if row["batch"] <= kernels.BATCH]


@pytest.mark.parametrize("recorded", SMALL, ids=lambda row: f"{row['name']}-{row['batch']}")
def test_a_step_launches_what_it_did_and_waits_for_nothing(recorded):
    row = kernels.count(recorded["name"], recorded["batch"])
    assert row["kernels"] <= 1.05 * recorded["kernels"]
    assert row["peak"] <= 1.05 * recorded["peak"]
    assert row["uploads"] <= recorded["uploads"]
    assert row["reads"] == kernels.READS.get(recorded["name"], (0, None))[0]


def test_every_model_is_counted():
    counted = {name.split()[0].rstrip(",") for name in workloads.names()}
    assert counted - {"AGM"} == set(models.__all__) - {"FusionModel", "Scaled", "register"}
    assert set(workloads.names()) == {row["name"] for row in RECORDED}
    assert set(kernels.READS) <= set(workloads.names())
