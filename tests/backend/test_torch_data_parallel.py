"""Processes of PyTorch that share each batch train what one process trains."""

import inspect
import json
import os
import pathlib
import socket
import subprocess
import sys

import data_parallel_curves
import data_parallel_recipes
import keras
import pytest
import tiny_zoo
from run_folders import Killed, assert_same_run

from kerasfuse import recipes
from kerasfuse.training.callbacks import RunCheckpoint

# LMF has batch norm, which is that of each process.
ENTRY = tiny_zoo.ENTRY.replace('"LMF"', '"LFLSTM"').replace("rank = 2\n", "")
OVERRIDES = {"drop_modality": {"audio": 0.3}}
TESTS = pathlib.Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(keras.config.backend() != "torch", reason="for PyTorch alone")


def killed_after(on_epoch_end):
    def killed(self, epoch, logs=None):
        on_epoch_end(self, epoch, logs)
        raise Killed

    return killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Let two processes do what `two_processes.py` says, once for all tests.

    They go on with a run that was killed after its first epoch, of one process.
    """
    folder = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as monkeypatch, pytest.raises(Killed):
        tiny_zoo.use(monkeypatch, folder / "zoo", ENTRY)
        monkeypatch.setattr(RunCheckpoint, "on_epoch_end", killed_after(RunCheckpoint.on_epoch_end))
        recipes.train(tiny_zoo.NAME, folder / "run", [1], OVERRIDES, verbose=0)
    data_parallel_recipes.prepare(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"},
        **{"KERASFUSE_ZOO": str(folder / "zoo"), "OMP_NUM_THREADS": "1"},
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(TESTS / "backend" / "two_processes.py"), str(folder)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            told = process.communicate(timeout=300)[1]
            assert not process.returncode, told
    finally:
        for process in processes:
            process.kill()
    return folder


@pytest.fixture(scope="module")
def first(folder):
    return json.loads((folder / "0.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def second(folder):
    return json.loads((folder / "1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", data_parallel_curves.TESTED)
def test_two_processes_have_the_curve_of_one(first, second, name):
    wanted = (first["alone"] | second["alone"])[name]
    assert len(wanted["steps"]) > 10
    worst, difference = data_parallel_curves.largest_difference(first["curves"][name], wanted)
    # Sums in another order, over twelve steps.
    assert difference < 1e-4, worst


def test_dropout_draws_of_its_own_and_the_model_alike(first):
    found = first["random"]
    assert found["weights before"][0] != found["weights before"][1]
    assert found["weights"][0] == found["weights"][1]
    assert found["as dropout"][0] != found["as dropout"][1]
    assert found["of the model"][0] == found["of the model"][1]
    assert found["batch norm"] == [1.5, 1.5]


def test_gradients_count_by_samples_and_as_zero_where_a_process_has_none(first, second):
    assert first["gradients"] == second["gradients"] == [0.75 + 0.5, 0.5, None]


def test_processes_with_different_seeds_are_refused_before_anything_is_written(
    folder, first, second
):
    assert first["refused"] == (
        "ValueError: expected processes that train on the same seeds. Received: [1] in process "
        "1, [2] in process 2. Start all of them with the same command and files."
    )
    assert second["refused"].startswith("StoppedWithOthersError")
    assert not (folder / "refused").exists()


def test_runs_of_two_processes_are_those_of_one(folder, first, second, monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)
    wanted = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1, 2], OVERRIDES, verbose=0)
    found = recipes.train(tiny_zoo.NAME, folder / "run", [1, 2], OVERRIDES, verbose=0)
    for seed in (1, 2):
        assert_same_run(found, wanted, seed)
    told = [f"seed {seed}: {word}" for seed in (1, 2) for word in ("starts", "finished")]
    assert first["told"] == ["2 devices share each batch", *told]
    assert second["told"] == [] and second["score"] == first["score"]


@pytest.mark.parametrize("name", data_parallel_recipes.RECIPES)
def test_what_the_first_process_does_for_all(folder, tmp_path, name):
    wanted = data_parallel_recipes.train(name, folder, tmp_path / "run")
    # Found finished; nothing is trained.
    found = data_parallel_recipes.train(name, folder, folder / name)
    # Sums in another order, of which large steps make more.
    if name != "folds":
        assert_same_run(found, wanted, rel=1e-3)
    else:
        assert set(found.first["folds"]) == set(wanted.first["folds"]) == {"0", "1", "2"}
        for fold, results in wanted.first["folds"].items():
            assert found.first["folds"][fold]["test"] == pytest.approx(results["test"], rel=1e-2)


def test_keras_has_no_distribution_of_its_own_yet():
    """Fails with the first Keras that has: `kerasfuse/backend/torch_data_parallel.py` can go."""
    from keras.src.backend import distribution_lib

    trainer = inspect.getsource(inspect.getmodule(keras.Model.fit))
    assert distribution_lib is None and "distribut" not in trainer
