"""The wheel works alone: built, installed in an empty environment, used away from the checkout."""

import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]

pytestmark = pytest.mark.wheel


def run(*command, cwd):
    """Run a command that knows nothing of this checkout, and return what it prints."""
    known = {"KERAS_BACKEND", "KERAS_HOME", "KERASFUSE_DATA", "PYTHONPATH", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key not in known}
    environment["KERAS_HOME"] = str(cwd)
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def workplace():
    # Not tmp_path, of which pytest keeps three: an environment takes more than a gigabyte.
    with tempfile.TemporaryDirectory(prefix="kerasfuse-wheel-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def built(workplace):
    """Return the wheel and the source archive."""
    dist = workplace / "dist"
    run(sys.executable, "-m", "hatchling", "build", "-d", dist, cwd=ROOT)
    return next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(workplace, built):
    """Return the `bin` of an environment that holds the wheel and what it needs, nothing else."""
    run(sys.executable, "-m", "venv", workplace / "env", cwd=workplace)
    binaries = workplace / "env" / "bin"
    constraints = ROOT / "constraints.txt"
    torch = next(line for line in constraints.read_text().split("\n") if line.startswith("torch="))
    for what in (torch, built[0]):
        pip = [binaries / "python", "-m", "pip", "install", "--quiet"]
        run(*pip, "--constraint", constraints, what, cwd=workplace)
    return binaries


def entries():
    return sorted(path.name for path in (ROOT / "zoo").iterdir())


def test_the_wheel_holds_the_package_and_the_entries(built):
    names = zipfile.ZipFile(built[0]).namelist()
    folders = {name.split("/")[0] for name in names}
    assert folders == {"kerasfuse", next(f for f in folders if f.endswith(".dist-info"))}
    held = sorted(name.split("/")[2] for name in names if name.startswith("kerasfuse/_entries/"))
    assert held == entries()
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "kerasfuse").rglob("*.py")}
    assert sources | {"kerasfuse/py.typed"} <= set(names)
    assert built[0].stat().st_size < 60e6
    assert {"kerasfuse/report/template.html.j2", "kerasfuse/report/style.css"} <= set(names)


def test_the_source_archive_makes_the_same_wheel(built, workplace):
    with tarfile.open(built[1]) as archive:
        archive.extractall(workplace / "source", filter="data")
    source = next((workplace / "source").iterdir())
    for name in ("LICENSE", "Makefile", "constraints.txt", "tests", "notebooks", "benchmarks"):
        assert (source / name).exists(), f"{name} is not in the source archive"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", source, cwd=source)
    again = zipfile.ZipFile(next(source.glob("*.whl")))
    assert sorted(again.namelist()) == sorted(zipfile.ZipFile(built[0]).namelist())


def test_the_command_lists_the_entries(installed, workplace):
    printed = run(installed / "kerasfuse", "list", cwd=workplace)
    for name in entries():
        if name.endswith(".toml"):
            assert name.removesuffix(".toml") in printed


def test_every_entry_with_weights_loads(installed, workplace):
    names = [name.removesuffix(".weights.h5") for name in entries() if name.endswith(".h5")]
    assert names, "expected weights in zoo/"
    program = f"""
import warnings
import kerasfuse
warnings.simplefilter("ignore")  # of weights made from simulated data
for name in {names}:
    if "AdaptedTextEncoder" in str(kerasfuse.zoo.entry(name).model_args):
        # Half of such a model is in an extra, and the sentence says in which.
        try:
            kerasfuse.zoo.load(name)
        except ImportError as error:
            assert "kerasfuse-zoo[text]" in str(error), error
            print(name, "wanting", kerasfuse.__file__)
        continue
    model = kerasfuse.zoo.load(name)
    print(name, model.count_params(), kerasfuse.__file__)
"""
    printed = run(installed / "python", "-c", program, cwd=workplace)
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows] == names
    assert all(str(workplace) in row[2] for row in rows)
    assert "text_mosi_words" in [row[0] for row in rows if row[1] == "wanting"]
