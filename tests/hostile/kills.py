"""Commands that are killed wherever they are, and asked again: nobody can tell afterwards.

Half of the kills fall right before an operation on files, each as likely as the other; half at any
time. Some processes are killed twice. Then the command is run to its end, and everything that it
wrote is compared with what it writes when nobody kills it; what a clock says is left out.
"""

import csv
import functools
import hashlib
import importlib
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import time
import tomllib

import h5py
import numpy as np
import tiny_data
from hostile import command_lines
from hostile.sandbox import WrongData

# What depends on the clock, or is drawn at random to be nobody else's.
_OF_THE_CLOCK = ("seconds", "peak_memory", "speed", "stamp", "search", "sha256", "releaseNotes")
_EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _line(*arguments):
    return lambda: command_lines.call(list(arguments))


def _convert():
    from kerasfuse.datasets.conversion import builder

    # So that there are several pieces of each split.
    builder._PIECE_BYTES, builder._LEAST_SAMPLES = 1, 1
    return command_lines.call(["convert", "mosi", "--data-dir", "data.pkl"])


COMMANDS = {
    "convert": _convert,
    "publish": _line("publish", "run", "out"),
    "train": _line("train", "tiny_lmf", "--set", "epochs=3", "--seeds", "1,2", "--run-dir", "r"),
    "train (AGM)": _line("train", "tiny_late", "--set", "epochs=2", "--keep-epochs"),
    "record": _line("train", "tiny_tfn", "--set", "epochs=1", "--table", "T", "--label", "mine"),
    "report": _line("report", "run", "--output", "page.html"),
    "tune": _line(
        *("tune", "tiny_lmf", "--trials", "2", "--space", "good.toml", "--seeds", "3"),
        *("--set", "epochs=2", "--run-dir", "t"),
    ),
}


def prepare(good, folder, names=tuple(COMMANDS)):
    """Run commands once, in a copy of a good folder, and keep what they leave."""
    for name in names:
        place = pathlib.Path(folder, place_of(name))
        if place.exists():
            continue
        for part in ("zoo", "run"):
            shutil.copytree(pathlib.Path(good, part), place / "before" / part)
        shutil.copy(pathlib.Path(good, "good.toml"), place / "before")
        tiny_data.dump(tiny_data.mult("mosi"), place / "before" / "data.pkl")
        shutil.copytree(place / "before", place / "after")
        counted = place / "events.txt"
        begun = time.monotonic()
        status = os.waitpid(_started(name, place / "after", counting=counted), 0)[1]
        if status:
            raise RuntimeError(f"{name} ends with status {status} when nobody kills it")
        facts = {"seconds": time.monotonic() - begun, "events": int(counted.read_text())}
        facts["left"] = _contents(place / "after")
        (place / "facts.json").write_text(json.dumps(facts))


def place_of(name):
    """Name the folder of a command."""
    return "".join(c if c.isalnum() else "_" for c in name)


def run(command, seed, good):
    """Kill a command once or twice, run it to its end, and compare what is there then."""
    place = pathlib.Path(good, place_of(command))
    facts = json.loads((place / "facts.json").read_text())
    folder = pathlib.Path("case").absolute()
    shutil.copytree(place / "before", folder)
    rng = random.Random(f"kill {command} {seed}")
    kills = []
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.5:
            kills.append(("event", rng.randint(1, facts["events"])))
            os.waitpid(_started(command, folder, at=kills[-1][1]), 0)
        else:
            kills.append(("second", rng.random() * facts["seconds"]))
            os.waitpid(_started(command, folder, after=kills[-1][1]), 0)
    with open(folder / "told.txt", "w") as told:
        status = os.waitpid(_started(command, folder, told=told), 0)[1]
    message = (folder / "told.txt").read_text()
    (folder / "told.txt").unlink()
    if status:
        raise WrongData(f"{command} killed at {kills} does not go on: {message[-300:]}")
    left, wanted = _contents(folder), facts["left"]
    different = sorted(
        name for name in left.keys() | wanted.keys() if left.get(name) != wanted.get(name)
    )
    if different:
        raise WrongData(f"{command} killed at {kills} leaves other {different[:6]}")
    return kills


def _started(name, folder, **options):
    """Start a command in a child of its own; see `_in_child`."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = _in_child(name, folder, **options)
    finally:
        os._exit(status)


def _in_child(name, folder, at=None, after=None, counting=None, told=None):
    """Run a command and give its status.

    Args:
        name: of the command.
        folder: in which it runs.
        at: number of the event before which the process is killed.
        after: seconds after which it is.
        counting: path of a file for the number of all events.
        told: file for what it prints when it refuses.
    """
    import keras

    from kerasfuse.zoo import catalogue

    os.chdir(folder)
    os.environ |= {"TFDS_DATA_DIR": str(folder / "tfds"), "KERASFUSE_CACHE": str(folder / "cache")}
    catalogue.FOLDER = folder / "zoo"
    # Measured, and so another number each time.
    importlib.import_module("kerasfuse.report.sections.cost")._speed = lambda reported_run: "1"
    keras.utils.set_random_seed(0)
    count = [0]

    def watch(event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if writes or event in _EVENTS:
            count[0] += 1
            if count[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    if after is not None:  # nobody handles the alarm: it ends the process where it is
        signal.setitimer(signal.ITIMER_REAL, after)
    status, message = COMMANDS[name]()
    events = count[0]
    if counting is not None:
        counting.write_text(str(events))
    if told is not None and status:
        told.write(message)
        told.flush()
    return status


# What is in a folder, without what a clock says.


def _contents(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        # Records are not the same bytes each time, nor is a journal.
        if path.is_file() and path.name != "journal.log" and ".array_record-" not in path.name:
            found[name] = _digest(path, str(folder))
        if path.name == "kerasfuse.json":
            found[f"{name}: records"] = _records(path.parent)
        if path.name == "search.json":
            found[f"{name}: trials"] = _trials(path.parent)
    return found


def _trials(folder):
    from kerasfuse import recipes

    trials = recipes.read_search(folder).trials
    told = [(t.number, t.settings, t.state, t.value, t.epochs, t.error) for t in trials]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _records(folder):
    from kerasfuse.datasets.conversion.records import Records

    digest = hashlib.sha256()
    for split in ("train", "validation", "test"):
        records = Records(folder, split)
        digest.update(repr(records.ids).encode() + records.labels.tobytes())
        for name, arrays in records.read(range(records.num_samples)).items():
            digest.update(name.encode() + b"".join(x.tobytes() for x in arrays))
    return digest.hexdigest()


def _digest(path, folder):
    data = path.read_bytes().replace(folder.encode(), b"CASE")
    if path.suffix == ".json":
        data = repr(_plain(json.loads(data))).encode()
    elif path.suffix == ".toml":
        data = repr(_plain(tomllib.loads(data.decode()))).encode()
    elif path.suffix == ".csv":
        rows = csv.DictReader(data.decode().splitlines())
        data = repr([_plain(row) for row in rows]).encode()
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            data = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
    elif path.suffix == ".h5":
        found = []
        with h5py.File(path) as file:
            file.visititems(functools.partial(_add_array, found))
        data = b"".join(found)
    return hashlib.sha256(data).hexdigest()


def _add_array(found, name, item):
    if isinstance(item, h5py.Dataset):
        found.append(name.encode() + item[()].tobytes())


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in _OF_THE_CLOCK}
    return [_plain(item) for item in value] if isinstance(value, list) else value
