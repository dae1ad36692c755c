"""The guide's command for features of large encoders, on miniature arrays in a folder."""

import csv
import json
import pathlib
import re
import shlex

import numpy as np
import pytest
from typer.testing import CliRunner

from kerasfuse.cli import app

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "train_on_my_arrays.md"
WIDTHS = {"text": 1024, "audio": 1024, "vision": 768}


@pytest.fixture
def samples(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with open("samples.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["split", "label", *WIDTHS])
        for i, split in enumerate(["train"] * 4 + ["validation"] * 2 + ["test"] * 2):
            paths = [f"{m}_{i}.npy" for m in WIDTHS]
            for path, width in zip(paths, WIDTHS.values(), strict=True):
                np.save(path, rng.normal(size=(rng.integers(1, 4), width)).astype("float32"))
            table.writerow([split, rng.uniform(-3, 3), *paths])


def test_the_command_of_the_guide_trains(samples):
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    (command,) = [block for block in blocks if "hct_mg_features" in block]
    words = shlex.split(command.replace("\\\n", " "))
    words = words[words.index("kerasfuse") + 1 :]
    small = ["dim=5", "num_layers=1", "epochs=1", "gate_search={batch_size = 4, epochs = 1}"]
    words += [word for setting in small for word in ("--set", setting)]
    result = CliRunner().invoke(app, [*words, "--seeds", "1"])
    assert result.exit_code == 0, result.output
    (path,) = pathlib.Path("runs").rglob("results.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["gate_search"]["primary"] in WIDTHS
    assert np.isfinite(found["test"]["mae"])
