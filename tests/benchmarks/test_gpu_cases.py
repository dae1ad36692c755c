"""The script for a GPU measures a step on each of its backends, also one of several losses."""

import pathlib
import sys

import keras
import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import gpu  # noqa: E402

CEILING = {"bytes": 1e9, "operations": {"float32": 1e12, "mixed_bfloat16": 1e12}}
BACKEND = keras.config.backend()


@pytest.mark.skipif(BACKEND not in gpu.BACKENDS, reason="is not measured on this backend")
def test_a_step_of_several_losses_is_measured():
    row = gpu.measure_case(BACKEND, "MISA", "float32", "toy", 2, seconds=0.01, ceiling=CEILING)
    assert row["milliseconds"] > 0 and row["steps"] >= 3 and "note" not in row
    if BACKEND == "torch":
        assert row["floor"] > 0 and row["dispatched"] > 100
