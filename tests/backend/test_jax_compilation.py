"""Programs that jax compiled once are read from the disk by the next process."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.config.backend() != "jax", reason="for jax alone")

TRAIN = """
import collections, json
import kerasfuse
import jax, keras, numpy as np

keras.utils.set_random_seed(0)
counted = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counted.update([event]))
model = kerasfuse.models.LMF({"text": 3, "audio": 2}, hidden_dims=4, rank=1)
model.compile("adam", "mae")
inputs = {"text": np.ones((4, 2, 3)), "audio": np.ones((4, 2, 2))}
loss = model.fit(inputs, np.ones((4, 1)), verbose=0).history["loss"]
found = {key: counted[f"/jax/compilation_cache/cache_{key}"] for key in ("hits", "misses")}
print(json.dumps(found | {"folder": jax.config.jax_compilation_cache_dir, "loss": loss}))
"""


def run(folder, **variables):
    # However little time a program takes to compile.
    variables = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **variables}
    environment = os.environ | {"KERASFUSE_CACHE": str(folder), "PYTHONHASHSEED": "0"} | variables
    done = subprocess.run([sys.executable, "-c", TRAIN], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


def test_a_second_process_compiles_nothing(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first["misses"] > 0
    assert second["misses"] == 0 and second["hits"] >= first["misses"]
    assert second["loss"] == first["loss"]
    assert pathlib.Path(first["folder"]).is_relative_to(tmp_path / "jax")


def test_a_folder_that_somebody_chose_stays(tmp_path):
    chosen = tmp_path / "chosen"
    found = run(tmp_path / "cache", JAX_COMPILATION_CACHE_DIR=str(chosen))
    assert found["folder"] == str(chosen) and any(chosen.iterdir())
    assert not (tmp_path / "cache" / "jax").exists()


def test_nothing_is_kept_for_who_switched_it_off(tmp_path):
    found = run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert found["folder"] is None and found["hits"] == found["misses"] == 0
