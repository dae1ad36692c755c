"""Make a folder of an entry, or of a run, that others can load from where it lies."""

import dataclasses
import json
import os
import pathlib
import re
import shutil

from kerasfuse import atomic, hub, zoo
from kerasfuse.checksum import sha256
from kerasfuse.recipes.recording import summary
from kerasfuse.recipes.run import read_run
from kerasfuse.recipes.run_folder import is_on_data_of, is_run
from kerasfuse.recipes.run_model import write_model


@dataclasses.dataclass(frozen=True)
class Published:
    """Say what was published.

    Args:
        folder: where it lies.
        entry: the `Entry` in it.
        files: names of its files.
        sha256: checksum of its `entry.toml`, by which others can pin it.
    """

    folder: pathlib.Path
    entry: zoo.Entry
    files: tuple[str, ...]
    sha256: str


def publish(source: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Published:
    """Make a folder that `zoo.load` takes, here or uploaded to a hub or a web server.

    It holds `entry.toml`, definition, recipe and results; the weights; and `README.md`, the card,
    which begins with what a hub shows of it. A run brings its overrides, its results, and the
    weights of the seed that is best on validation.

    Args:
        source: the name of an entry with weights, or the folder of a finished run.
        folder: a new or empty folder, or one of an earlier publication.

    Returns:
        A `Published`.

    Raises:
        ValueError: for an unknown name, weights with another checksum than the entry's, a folder
            that holds other files, and a run on other data than the entry's, whose terms nobody
            stated.
        FileNotFoundError: for an entry without weights, and a run without a finished seed.

    Example:

    >>> from kerasfuse import recipes, zoo
    >>> recipes.publish("mica_simulated", "published").files
    ('entry.toml', 'mica_simulated.weights.h5', 'README.md')
    >>> model = zoo.load("./published")
    """
    folder = pathlib.Path(folder)
    entry = _of_run(source, folder) if is_run(source) else _of_entry(source, folder)
    with atomic.replacing(folder / "README.md") as temporary:
        temporary.write_text(_read_me(folder, entry), encoding="utf-8")
    files = (hub.ENTRY_FILE, entry.weights.file, "README.md")
    return Published(folder, entry, files, sha256(folder / hub.ENTRY_FILE))


def _of_entry(name, folder):
    if hub.is_address(name) and not zoo.is_file(name):
        raise ValueError(
            "expected the name of a zoo entry, or the folder of a finished run. "
            f"Received: source={str(name)!r}, which holds no run.json."
        )
    entry = zoo.entry(name)
    weights = zoo.place(name).parent / entry.weights.file
    if not entry.weights.file or not weights.is_file():
        raise FileNotFoundError(
            f"expected an entry with weights. Received: {name}, which has none yet: make them with "
            f"`{entry.weights.made_by}`."
        )
    hub.check_sha256(weights, entry)
    _take(folder, entry.name)
    # First the weights: a folder with an entry is whole.
    for source, file in ((weights, weights.name), (zoo.place(name), hub.ENTRY_FILE)):
        with atomic.replacing(folder / file) as temporary:
            shutil.copyfile(source, temporary)
    return entry


def _of_run(run_dir, folder):
    run = read_run(None, run_dir)
    name = run.entry.name
    if name in zoo.names() and not is_on_data_of(run.entry, zoo.entry(name)):
        raise ValueError(
            "expected a run on the entry's own data, whose terms the card states. Received: "
            f"run_dir={str(run_dir)!r}, on {run.entry.data_name}({run.entry.data_args}). Write an "
            "entry for it, zoo/<model>_<dataset>.toml, and train that."
        )
    summary(run)  # refuses seeds that have no mean
    _take(folder, name)
    return write_model(run, folder)


def _take(folder, name):
    """Refuse a folder of other things; one that a killed publication left is like a new one."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise ValueError(
            f"expected the name of a folder. Received: folder={str(folder)!r}, which is a file."
        )
    if folder.exists() and not (folder / hub.ENTRY_FILE).is_file():
        atomic.sweep(folder)
        if any(file.name != f"{name}.weights.h5" for file in folder.iterdir()):
            raise ValueError(
                "expected a new or empty folder, or one of an earlier publication. "
                f"Received: folder={str(folder)!r}, which holds other files."
            )


def _read_me(folder, entry):
    """The card, with the lines before it that the hub reads."""
    terms = re.sub(r"[^a-z0-9.]+", "-", entry.weights.license.lower()).strip("-")
    tags = ["keras", "kerasfuse", "multimodal", *entry.model_args["modalities"]]
    lines = [
        "---",
        "library_name: kerasfuse",
        "license: other",
        f"license_name: {terms or 'see-card'}",
        # As JSON, which is YAML, whatever is in the names.
        f"tags: {json.dumps(tags)}",
        "---",
        "",
        zoo.card(folder),
        "## Use",
        "",
        "```python",
        "import kerasfuse",
        "",
        'model = kerasfuse.zoo.load("hf://OWNER/NAME")  # or the path of this folder',
        "```",
        "",
        "The model takes a dict of arrays, "
        + ", ".join(f"`{m}` {_shape(size)}" for m, size in entry.model_args["modalities"].items())
        + "; steps of zeros are padding. Its outputs are raw scores.",
        "",
    ]
    return "\n".join(lines)


def _shape(size):
    if isinstance(size, list):
        return f"`(batch, {', '.join(map(str, size))})`"
    return "`(batch, steps)`" if size is None else f"`(batch, steps, {size})`"
