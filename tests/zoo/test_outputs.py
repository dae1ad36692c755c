"""Weights load into the model that they were trained in: outputs are those recorded before."""

import json

import keras
import numpy as np
import pytest
import record_outputs

from kerasfuse import zoo

RECORDED = json.loads(record_outputs.PATH.read_text(encoding="utf-8"))
# Of the largest output. Machines differ in float32 by some 1e-6 of it (float64 gives 1.4e-6 at
# most); weights that go to another layer change it by far more. Outputs near 0 are sums of larger
# terms, whose rounding they keep.
TOLERANCE, LEAST = 1e-5, 0.1


@pytest.mark.skipif(keras.config.backend() != "torch", reason="outputs are recorded on torch")
@pytest.mark.parametrize("name", record_outputs.names())
def test_the_outputs_of_an_entry_are_those_recorded(name):
    recorded = RECORDED.get(name, {"sha256": "nothing"})
    expected = zoo.entry(name).weights.sha256
    if recorded["sha256"] != expected:
        pytest.fail(
            f"expected outputs of the weights of {name}, sha256 {expected}. Received: those of "
            f"{recorded['sha256']}. If these weights are meant, record their outputs anew: "
            f"python tests/record_outputs.py {name}"
        )
    wanted = np.array(recorded["outputs"])
    found = record_outputs.outputs(name)
    tolerance = TOLERANCE * max(LEAST, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def test_no_output_is_recorded_of_an_entry_that_is_gone():
    assert set(RECORDED) <= set(record_outputs.names()), "run python tests/record_outputs.py"
