"""Every case of the script for a GPU is measured, on each backend that it measures."""

import pathlib
import sys

import keras
import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import gpu  # noqa: E402

CEILING = {"bytes": 1e9, "operations": {"float32": 1e12, "mixed_bfloat16": 1e12}}
CASES = [case for case in gpu.cases(toy=True) if case["backend"] == keras.config.backend()]


@pytest.mark.skipif(not CASES, reason="is not measured on this backend")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['model']}-{case['policy']}")
def test_a_case_is_measured(case):
    row = gpu.measure_case(**case, seconds=0.01, ceiling=CEILING)
    assert row["milliseconds"] > 0 and row["steps"] >= 3 and "note" not in row
    if case["backend"] == "torch":
        assert row["floor"] > 0 and row["dispatched"] > 100
