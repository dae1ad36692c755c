"""Every page of docs/ runs from top to bottom, as a reader would run it."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import keras
import pytest
from typer.testing import CliRunner

from kerasfuse import models
from kerasfuse.cli import app
from kerasfuse.datasets import registry
from kerasfuse.zoo import catalogue

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
MODEL_PAGES = sorted((ROOT / "docs" / "models").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
# A page is run where its reader would be; the others are about no backend, and run on one.
# MAG-BERT needs keras-hub, which the tests have on tensorflow alone.
BACKENDS = {"use_jax": "jax", "mag_bert": "tensorflow"}


@pytest.fixture
def reader(monkeypatch, tmp_path):
    """A reader's folder, and a zoo, data sets and settings that are no one else's."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(registry, "_DATASETS", dict(registry._DATASETS))
    shutil.copytree(ROOT / "zoo", tmp_path / "zoo")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "zoo")
    shutil.copy(ROOT / "README.md", tmp_path)
    for key in ("KERAS_BACKEND", "PYTHONPATH"):
        monkeypatch.setenv(key, os.environ.get(key, ""))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    keras.mixed_precision.set_global_policy("float32")


# The reader is told, and goes on.
@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
@pytest.mark.filterwarnings("ignore:.*speak of modalities:UserWarning")
@pytest.mark.parametrize("page", PAGES + MODEL_PAGES, ids=lambda page: page.stem)
def test_a_page_runs(page, reader):
    wanted = BACKENDS.get(page.stem, "torch")
    if keras.config.backend() != wanted:
        pytest.skip(f"the page is run on {wanted}")
    namespace = {"__name__": page.stem}
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        kind, code = block.groups()
        if kind == "python":
            # On the lines of the page, where an error is looked for.
            above = "\n" * text.count("\n", 0, block.start(2))
            exec(compile(above + code, str(page), "exec"), namespace)
        elif kind == "toml":
            name = tomllib.loads(code)["entry"]["name"]
            (reader / "zoo" / f"{name}.toml").write_text(code, encoding="utf-8")
        else:
            for command in code.replace("\\\n", " ").splitlines():
                run(shlex.split(command), page)


def run(words, page):
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        key, value = words.pop(0).split("=", 1)
        assert os.environ[key] == value, f"{page.name} wants {key}={value}"
    if words[0] == "kerasfuse":
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, f"{' '.join(words)}\n{result.output}"
    elif words[0] == "make":
        told = subprocess.run(
            ["make", "--dry-run", *words[1:], f"PYTHON={sys.executable}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr
    else:
        pip, install, (name,) = words[0], words[1], re.findall(r"\[(.*)\]", words[2])
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert (pip, install) == ("pip", "install") and name in project["optional-dependencies"]


def test_the_readme_names_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert PAGES
    for page in PAGES:
        assert f"(docs/{page.name})" in readme


def test_every_model_is_in_the_table_and_has_a_page():
    index, *pages = (page.read_text(encoding="utf-8") for page in _index_first(MODEL_PAGES))
    for name in set(models.__all__) - {"FusionModel"}:
        assert re.search(rf"^\| \[`{name}`\]\(", index, re.M), f"{name} is not in the table"
        assert any(f"kerasfuse.models.{name}`" in page for page in pages), f"{name} has no page"


def _index_first(pages):
    return sorted(pages, key=lambda page: page.stem != "index")
