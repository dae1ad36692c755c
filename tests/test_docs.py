"""The README and every page of docs/ run from top to bottom, as a reader would run them.

Blocks of `python`, `toml` and `sh` are executed. Those of `bash` need real data, hours or a
network: of them only names and options are checked.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import types

import keras
import pytest
import typer.main
from typer.testing import CliRunner

from kerasfuse import models, zoo
from kerasfuse.cli import app
from kerasfuse.datasets import registry
from kerasfuse.entries.arguments import model_classes
from kerasfuse.recipes.search import space as spaces
from kerasfuse.zoo import catalogue

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
# The results are tables; the tests of the entries compare them with what is recorded.
PAGES = [
    ROOT / "README.md",
    *sorted(p for f in (".", "guides", "models") for p in (DOCS / f).glob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
INCLUDED = re.compile(r"^```\{literalinclude\} (\S+)\n(.*?)^```$", re.S | re.M)
CODING = types.SimpleNamespace(source_encoding="utf-8")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
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


# The reader sees the warnings, and goes on.
@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
@pytest.mark.filterwarnings("ignore:.*speak of modalities:UserWarning")
@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.WeightTermsWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
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
            found = tomllib.loads(code)
            if "entry" in found:
                path = reader / "zoo" / f"{found['entry']['name']}.toml"
            else:
                spaces.parse(found)
                path = reader / "space.toml"
            path.write_text(code, encoding="utf-8")
        elif kind in ("sh", "bash"):
            for command in code.replace("\\\n", " ").splitlines():
                words = shlex.split(command, comments=True)
                run(words, page) if kind == "sh" else check(words)


def run(words, page):
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        key, value = words.pop(0).split("=", 1)
        assert os.environ[key] == value, f"{page.name} wants {key}={value}"
    if words[0] == "kerasfuse":
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, f"{' '.join(words)}\n{result.output}"
    elif words[0] == "make":
        dry_run = subprocess.run(
            ["make", "--dry-run", *words[1:], f"PYTHON={sys.executable}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert dry_run.returncode == 0, dry_run.stderr
    else:
        assert words[:2] == ["pip", "install"] and len(words) == 3
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (extras,) = re.fullmatch(r"\.(?:\[(.*)\])?", words[2]).groups()
        assert {*(extras or "dev").split(",")} <= set(project["optional-dependencies"])


def check(words):
    """Parse a command without running it, and look its names up."""
    while "=" in words[0]:
        words.pop(0)
    if words[0] != "kerasfuse":
        return
    words = [word for word in words[1:] if word != "--traceback"]
    context = typer.main.get_command(app).commands[words[0]].make_context(words[0], words[1:])
    names = context.params.get("names") or [context.params.get("name")]
    for name in names:
        known = {*zoo.names(), *registry._DATASETS, *model_classes()}
        assert name is None or "/" in name or name in known, name


def test_a_command_that_is_not_run_is_checked():
    check(shlex.split("KERAS_BACKEND=jax kerasfuse --traceback card mult_ravdess"))
    for wrong in ("card mult_ravdes", "compare mult_ravdess mica_ravdes"):
        with pytest.raises(AssertionError):
            check(["kerasfuse", *wrong.split()])
    with pytest.raises(Exception, match="--marcdown"):
        check(["kerasfuse", "card", "mult_ravdess", "--marcdown"])


def test_every_page_can_be_reached():
    linked = {ROOT / target for target in LINK.findall(PAGES[0].read_text(encoding="utf-8"))}
    for index in DOCS.rglob("index.md"):
        trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", index.read_text("utf-8"), re.S | re.M)
        for line in "\n".join(trees).splitlines():
            linked |= {*index.parent.glob(f"{line}.md")} if line and line[0] != ":" else set()
    pages = set(DOCS.rglob("*.md")) - {DOCS / "index.md"}
    # Written by the build of the site.
    pages = {page for page in pages if page.relative_to(DOCS).parts[0] not in ("api", "cards")}
    assert pages and pages <= linked, sorted(map(str, pages - linked))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", sorted((DOCS / "models").glob("*.md")), ids=lambda p: p.stem)
def test_code_on_a_page_is_still_in_its_file(page):
    code = pytest.importorskip("sphinx.directives.code", reason="the jax environment has no Sphinx")
    for path, lines in INCLUDED.findall(page.read_text(encoding="utf-8")):
        options = dict(re.findall(r'^:([\w-]+): *"?(.*?)"?$', lines, re.M))
        options.pop("dedent", None)
        reader = code.LiteralIncludeReader(page.parent / path, options, CODING)
        text, _ = reader.read()  # raises ValueError where a name or a pattern is not found
        assert text.strip(), (path, options)


def test_code_that_left_its_file_is_noticed():
    code = pytest.importorskip("sphinx.directives.code", reason="the jax environment has no Sphinx")
    options = {"pyobject": "CrossmodalAttention.call", "end-at": "no such line"}
    path = ROOT / "kerasfuse/layers/attention/crossmodal_attention.py"
    with pytest.raises(ValueError, match="end-at pattern not found"):
        code.LiteralIncludeReader(path, options, CODING).read()


def test_the_readme_is_short():
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 150


def test_no_text_installs_the_other_kerasfuse():
    # That name is taken on the package index.
    texts = [path for path in ROOT.glob("*.*") if path.is_file()]
    for folder in ("benchmarks", "docs", "kerasfuse", "notebooks", "zoo"):
        texts += (ROOT / folder).rglob("*.*")
    for path in texts:
        if path.suffix in (".md", ".py", ".toml", ".ipynb", ".txt"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"pip install ['\"]?kerasfuse(?!-zoo)", text), path


def test_every_model_is_in_the_table_and_has_a_page():
    index, *pages = (
        page.read_text(encoding="utf-8") for page in _index_first((DOCS / "models").glob("*.md"))
    )
    # The base of all, what any of them may lie in, and what makes others known by name.
    for name in set(models.__all__) - {"FusionModel", "Scaled", "register"}:
        assert re.search(rf"^\| \[`{name}`\]\(", index, re.M), f"{name} is not in the table"
        assert any(f"kerasfuse.models.{name}`" in page for page in pages), f"{name} has no page"


def _index_first(pages):
    return sorted(pages, key=lambda page: page.stem != "index")
