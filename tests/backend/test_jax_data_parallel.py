"""Several devices of jax, simulated by a processor, train what one trains."""

import json
import os
import pathlib
import subprocess
import sys

import data_parallel_curves
import keras
import numpy as np
import pytest

TESTS = pathlib.Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(keras.config.backend() != "jax", reason="for jax alone")

# Of two devices, and of four; AGM has a last batch that neither divides.
TWO = ("even/mult", "even/mica", "even/dahb", "agm")
FOUR = ("agm",)


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """Return number of devices -> case -> curve, from two processes at the same time."""
    folder = tmp_path_factory.mktemp("devices")
    # The references are compiled beside the shorter of the two.
    cases = {2: TWO, 4: (*FOUR, *(f"alone/{name}" for name in TWO))}
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, str(TESTS / "data_parallel_curves.py")),
                *(str(folder / f"{number}.json"), *names),
            ],
            env={
                **os.environ,
                "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={number}",
                "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, names in cases.items()
    ]
    try:
        for process in processes:
            told = process.communicate(timeout=900)[1]
            assert not process.returncode, told
    finally:
        for process in processes:
            process.kill()
    found = {n: json.loads((folder / f"{n}.json").read_text(encoding="utf-8")) for n in cases}
    assert all(found[number]["devices"] == number for number in cases)
    return {number: each["curves"] for number, each in found.items()}


@pytest.mark.parametrize(
    ("number", "name"), [*((2, name) for name in TWO), *((4, name) for name in FOUR)]
)
def test_several_devices_have_the_curve_of_one(curves, number, name):
    wanted = curves[4][f"alone/{name}"]
    assert len(wanted["steps"]) > 10
    worst, difference = data_parallel_curves.largest_difference(curves[number][name], wanted)
    # Sums in another order, over twelve steps.
    assert difference < 1e-4, worst


def test_keras_still_takes_all_layouts_from_the_first_batch():
    """Fails with a Keras that does not: `distribute_each` in jax_data_parallel.py can go."""
    from keras.src.backend.jax import trainer

    layouts = []

    class Distribution:
        batch_dim_name = "batch"

        def get_data_layout(self, shape):
            layouts.append(shape)
            return type("Layout", (), {"backend_layout": "rows"})()

    class Adapter:
        def get_jax_iterator(self):
            return iter([np.zeros((8, 2)), np.zeros((3, 2))])

    iterator = object.__new__(trainer.JAXEpochIterator)
    iterator.data_adapter = Adapter()
    list(iterator._get_distributed_iterator(Distribution()))
    assert layouts == [(8, 2)]
