"""Every reader of files of others: how good files of it are made, and how they are read.

`make` writes good files into a folder and names those that may be broken. `read` reads them, and
gives what it read where that can be compared, as a digest. A reader of a data set checks that what
it loaded is finite and as many samples as it says.
"""

import collections
import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import pathlib
import pickle
import shutil
import struct
from collections.abc import Callable

import h5py
import numpy as np
import tiny_data
from hostile import hdf5_attacks
from hostile.sandbox import WrongData

PICKLE, HDF5, OTHER = "pickle", "hdf5", "other"


@dataclasses.dataclass
class Reader:
    """One reader.

    Attributes:
        kind: `PICKLE`, `HDF5` or `OTHER`: what its files can be broken by.
        make: function of a folder that gives the names of files.
        read: function of the folder and of the file that was broken.
        reference: the same, by the library that the format is from, or `None`.
    """

    kind: str
    make: Callable
    read: Callable
    reference: Callable | None = None


def load(name, **options):
    """Give a function that loads all splits of a data set from a folder."""

    def read(folder, file):
        from kerasfuse import datasets

        for split in ("train", "validation", "test"):
            batches = datasets.load(
                name, split, data_dir=folder, shuffle=False, batch_size=64, **options
            )
            inputs, labels = batches[0]
            for x in (*inputs.values(), labels):
                if not np.isfinite(x).all():
                    raise WrongData(f"numbers of {split} that are not finite")
                if hdf5_attacks.holds_secret(x):
                    raise WrongData("bytes of another file")

    return read


# Pickles.

_MIXED = {
    "numbers": np.arange(6, dtype="float32").reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "objects": np.array([np.zeros(2), np.ones(3), None, "x"], dtype=object),
    "bytes": [b"\xff\x00", "text", "gr\u00fc\u00df", bytearray(b"ab")],
    "plain": (1, 2.5, True, None, 3 + 1j, 2**70, -1, slice(1, 2)),
    "scalars": [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("ab")],
    "texts": np.array(["ab", "c"]),
    "masks": np.array([True, False]),
    "swapped": np.arange(3, dtype=">i4"),
    "ordered": collections.OrderedDict(x=1),
    "lists": collections.defaultdict(list, y=[{1, 2}, frozenset({3})]),
    "many": [[float(i), i, str(i)] for i in range(40)],
}


def read_pickle(path):
    """Read a pickle by itself, without a look at what it holds."""
    from kerasfuse.datasets.formats import restricted_pickle

    restricted_pickle.read_pickle(pathlib.Path(path))


def _mixed(folder):
    for protocol in range(6):
        (folder / f"mixed{protocol}.pkl").write_bytes(pickle.dumps(_MIXED, protocol))
    return [f"mixed{protocol}.pkl" for protocol in range(6)]


def _plain_pickle(folder, file):
    from kerasfuse.datasets.formats import restricted_pickle

    return digest(restricted_pickle.read_pickle(folder / file))


class _Reference(pickle.Unpickler):
    """Python's own unpickler and numpy itself, with the names that data need."""

    _NAMES = {"numpy": ("ndarray", "dtype"), "_codecs": ("encode",)} | {
        "collections": ("OrderedDict", "defaultdict"),
        "builtins": ("list", "dict", "tuple", "set", "frozenset", "bytearray", "complex", "slice"),
        **dict.fromkeys(
            ("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")
        ),
        **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
    }

    def find_class(self, module, name):
        if name not in self._NAMES.get(module.replace("__builtin__", "builtins"), ()):
            raise NoReference(f"{module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


class NoReference(Exception):
    """What the library that a format is from cannot be asked for."""


def _reference_pickle(folder, file):
    with open(folder / file, "rb") as opened:
        return digest(_Reference(opened, encoding="latin1").load())


def digest(tree):
    """Give a checksum of a tree of arrays and plain values; kinds of dicts do not count."""
    found = hashlib.sha256()
    _add(found, tree)
    return found.hexdigest()


def _add(found, x):
    if isinstance(x, dict):
        found.update(b"dict%d" % len(x))
        for key, value in x.items():
            _add(found, key)
            _add(found, value)
    elif isinstance(x, list | tuple):
        found.update(b"%s%d" % (type(x).__name__.encode(), len(x)))
        for item in x:
            _add(found, item)
    elif isinstance(x, set | frozenset):
        found.update(b"set" + "".join(sorted(map(digest, x))).encode())
    elif isinstance(x, np.ndarray) and x.dtype == object:
        found.update(f"objects{x.shape}".encode())
        _add(found, x.ravel().tolist())
    elif isinstance(x, np.ndarray | np.generic):
        x = np.asarray(x)
        if x.dtype == bool:
            # A damaged file may hold any byte for true, which numpy keeps and our reader does not.
            x = x.view("u1") != 0
        x = x.astype(x.dtype.newbyteorder("="))
        found.update(f"{x.dtype}{x.shape}".encode() + np.ascontiguousarray(x).tobytes())
    elif isinstance(x, float):
        found.update(b"float" + struct.pack("d", x))
    elif isinstance(x, bytes | bytearray):
        found.update(b"bytes" + bytes(x))
    else:
        found.update(f"{type(x).__name__}{x!r}".encode("utf-8", "surrogatepass"))


def _pickled(tree):
    def make(folder):
        for protocol in (2, 4, 5):
            (folder / f"made{protocol}.pkl").write_bytes(pickle.dumps(tree(), protocol))
        return [f"made{protocol}.pkl" for protocol in (2, 4, 5)]

    return make


def _one(name, **options):
    # The file itself, as the folder has several.
    return lambda folder, file: load(name, **options)(folder / file, file)


def _few_samples(part):
    return {name: x[:2] for name, x in part.items()}


def _mult(name):
    return lambda: {split: _few_samples(x) for split, x in tiny_data.mult(name).items()}


def _mmsa(name):
    return lambda: {split: _few_samples(x) for split, x in tiny_data.mmsa(name).items()}


_FOLDS = {"train": [3, 8], "dev": [7], "test": [2]}
_KEYS = [key for keys in _FOLDS.values() for key in keys]


def _ur_funny(folder):
    rng = np.random.default_rng(0)

    def features(width):
        return {
            "punchline_features": rng.normal(size=(2, width)).tolist(),
            "context_features": [rng.normal(size=(1, width)).tolist()],
        }

    words = {"punchline_sentence": "so", "punchline_embedding_indexes": [1, 0]}
    trees = {
        "data_folds": _FOLDS,
        "humor_label_sdk": {key: key % 2 for key in _KEYS},
        "language_sdk": {key: words | {"context_embedding_indexes": [[2]]} for key in _KEYS},
        "word_embedding_list": rng.normal(size=(3, 300)).tolist(),
        "covarep_features_sdk": {key: features(81) for key in _KEYS},
        "openface_features_sdk": {key: features(371) for key in _KEYS},
    }
    for name, tree in trees.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(tree, 2))
    return [f"{name}.pkl" for name in trees]


# HDF5.

_VIDEOS = {"train": ["v1", "v2"], "validation": ["v3"], "test": ["v4"]}


def _csd(folder):
    rng = np.random.default_rng(0)
    names = {"TimestampedWordVectors": 300, "COVAREP": 5, "Visual_Facet": 7, "Opinion_Labels": 1}
    starts = np.arange(6) / 2
    times = np.stack([starts, starts + 0.5], axis=1)
    for name, width in names.items():
        label = name.endswith("Labels")
        with h5py.File(folder / f"CMU_MOSEI_{name}.csd", "w") as file:
            for videos in _VIDEOS.values():
                for video in videos:
                    x = rng.uniform(-3, 3, (2 if label else 6, width)).astype("f4")
                    place = f"{name}/data/{video}"
                    file.create_dataset(f"{place}/features", data=x, compression="gzip")
                    file[f"{place}/intervals"] = [[0, 1], [1, 3]] if label else times
            file[f"{name}/metadata/root name"] = [name]
    with h5py.File(folder / "CMU_MOSEI_Words.csd", "w") as file:
        for videos in _VIDEOS.values():
            for video in videos:
                file[f"words/data/{video}/features"] = np.array([[b"one"]] * 6)
                file[f"words/data/{video}/intervals"] = times
    (folder / "folds.json").write_text(json.dumps(_VIDEOS))
    return [f"CMU_MOSEI_{name}.csd" for name in (*names, "Words")]


def _ave(folder):
    rng = np.random.default_rng(0)
    arrays = {
        "audio_feature": rng.normal(size=(4, 10, 128)).astype("f4"),
        "visual_feature": np.ones((4, 10, 7, 7, 512), "f4"),
        "labels": np.eye(29)[rng.integers(28, size=(4, 10))].astype("i8"),
        "train_order": np.array([0, 2]),
        "val_order": np.array([1]),
        "test_order": np.array([3]),
    }
    for name, x in arrays.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            packed = {"compression": "gzip", "chunks": (1, *x.shape[1:])} if x.ndim > 2 else {}
            file.create_dataset("data", data=x, **packed)
    return [f"{name}.h5" for name in arrays]


def _weights(folder):
    from kerasfuse import zoo

    _use_tiny_zoo(folder)
    zoo.load("tiny_simulated", weights=None).save_weights(folder / "tiny.weights.h5")
    return ["tiny.weights.h5"]


def _load_weights(folder, file):
    from kerasfuse import zoo

    _use_tiny_zoo(folder)
    for weight in zoo.load("tiny_simulated", weights=folder / file).weights:
        x = np.asarray(weight.numpy())
        if not np.isfinite(x).all() or hdf5_attacks.holds_secret(x):
            raise WrongData(f"{weight.path} is not finite or from another file")


def _use_tiny_zoo(folder):
    import tiny_zoo

    from kerasfuse.zoo import catalogue

    (folder / "zoo").mkdir(exist_ok=True)
    (folder / "zoo" / "tiny_simulated.toml").write_text(tiny_zoo.ENTRY)
    # The process is of this case alone.
    catalogue.FOLDER = folder / "zoo"


def _all_arrays(folder, file):
    """Read every array of a file through the project's reader."""
    from kerasfuse import plain_hdf5
    from kerasfuse.datasets.formats import hdf5

    kinds = hdf5.NUMBERS + hdf5.TEXTS
    with hdf5.open_hdf5(folder / file) as opened:
        names = [name for name in plain_hdf5.names(opened) if "metadata" not in name]
        return digest({name: hdf5.read(opened, name, kinds) for name in sorted(names)})


def _reference_arrays(folder, file):
    with h5py.File(folder / file) as opened:
        names = []
        opened.visititems(
            lambda name, x: names.append(name) if isinstance(x, h5py.Dataset) else None
        )
        names = [name for name in names if "metadata" not in name]
        return digest({name: opened[name][()] for name in sorted(names)})


# Others: what is broken is the bytes.


def _npz(folder):
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        np.savez(
            folder / f"{split}.npz",
            text=rng.normal(size=(3, 4, 5)).astype("f4"),
            audio=rng.normal(size=(3, 6, 2)).astype("f4"),
            labels=np.arange(3.0),
        )
    return ["train.npz"]


def _openface(path, frames=3):
    from kerasfuse.datasets.formats.openface import UNITS

    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "face_id", "confidence", "success", *UNITS])
        for frame in range(frames):
            writer.writerow([frame, 0, 0.9, 1, *[0.5] * len(UNITS)])


def _table(folder):
    rng = np.random.default_rng(0)
    rows = []
    for i, split in enumerate(("train", "train", "validation", "test")):
        np.save(folder / f"text{i}.npy", rng.normal(size=(4, 5)).astype("f4"))
        _openface(folder / f"face{i}.csv")
        rows.append({"id": f"s{i}", "split": split, "label": i, "text": f"text{i}.npy"})
        rows[-1]["face"] = f"face{i}.csv"
    with open(folder / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return ["table.csv", "text0.npy", "text1.npy", "face0.csv", "face1.csv"]


def _load_table(folder, file):
    load("own")(folder / "table.csv", file)


def _parquet(folder):
    import pyarrow
    from pyarrow import parquet

    _table(folder)
    with open(folder / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "table.parquet")
    (folder / "table.csv").unlink()
    return ["table.parquet"]


def _load_parquet(folder, file):
    load("own")(folder / "table.parquet", file)


def _utterances(folder):
    """Write one utterance of each of 14 videos, the last two for testing."""
    rng = np.random.default_rng(0)
    videos = range(14)
    rows = {"bclstm/transcripts.csv": [(f"v{i}_1", f"WORDS {i}", i + 1, i % 2) for i in videos]}
    for part, some in {"train": videos[:5], "dev": videos[5:9], "test": videos[9:]}.items():
        made = [(f"WORDS {i} \t{i % 2}",) for i in some]
        rows[f"standard/{part}.tsv"] = [("text\tlabel",), *made]
    for part, some in {"train": videos[:12], "test": videos[12:]}.items():
        rows[f"bclstm/text_{part}.csv"] = [(i, *rng.normal(size=100)) for i in some]
        for name, width in {"text": 100, "audio": 73, "video": 100}.items():
            made = [(*rng.normal(size=width).round(3), float(i % 2)) for i in some]
            rows[f"bclstm/{name}/{name}_{part}0.csv"] = made
    for name, made in rows.items():
        path = folder / "mosi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows(made)
    return [f"mosi/{name}" for name in rows]


def _arrays(folder):
    for part, count in (("train", 20), ("test", 10)):
        for kind, shape in (("image", (28, 28)), ("audio", (112, 112))):
            (folder / kind).mkdir(exist_ok=True)
            np.save(folder / kind / f"{part}_data.npy", np.ones((count, *shape), "u1"))
        np.save(folder / f"{part}_labels.npy", np.arange(count) % 10)
    return ["image/train_data.npy", "audio/test_data.npy", "train_labels.npy", "test_labels.npy"]


def _idx(folder):
    import gzip

    raw = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + bytes(range(24))
    (folder / "a.idx").write_bytes(raw)
    (folder / "a.idx.gz").write_bytes(gzip.compress(raw))
    return ["a.idx", "a.idx.gz"]


def _read_idx(folder, file):
    from kerasfuse.datasets.formats.idx import read_idx

    read_idx(folder / file, 3)


def _sound(folder):
    import soundfile

    x = np.sin(np.arange(4000) / 5) / 2
    soundfile.write(folder / "a.wav", x, 8000)
    soundfile.write(folder / "a.flac", x, 8000)
    return ["a.wav", "a.flac"]


def _read_recording(folder, file):
    from kerasfuse.recordings import Sound, log_mel, prosody

    sound = Sound(folder / file)
    for stream in (log_mel(sound), prosody(sound)):
        if not np.isfinite(stream.values).all():
            raise WrongData("numbers that are not finite")


def _words(folder):
    (folder / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\n<i>Not</i> bad\n")
    (folder / "b.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nso<00:01.5> it is\n")
    tier = '"IntervalTier"\n"words"\n0\n2\n2\n0\n1\n""\n1\n2\n"so it"\n'
    grid = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n{tier}'
    (folder / "c.TextGrid").write_text(grid)
    words = [{"word": "so", "start": 0.5, "end": 1.0}, {"word": "it"}]
    (folder / "d.json").write_text(json.dumps({"segments": [{"words": words}]}))
    (folder / "e.ctm").write_text(";; words\na A 0.5 0.25 so\na A 1 0.5 it\n")
    return [file.name for file in sorted(folder.iterdir())]


def _read_words(folder, file):
    from kerasfuse.recordings import read_words

    found = read_words(folder / file, "a")
    if not np.isfinite(found.times).all() or len(found.times) != len(found.words):
        raise WrongData("words without times")


def _read_sound(folder, file):
    from kerasfuse.datasets.formats.audio_files import read_sound

    read_sound(folder / file, 16000)


def _image(folder):
    from PIL import Image

    Image.new("RGB", (60, 80), (1, 2, 3)).save(folder / "a.png")
    Image.new("RGB", (60, 80), (1, 2, 3)).save(folder / "a.jpg")
    return ["a.png", "a.jpg"]


def _read_image(folder, file):
    from kerasfuse.datasets.formats.audio_files import read_image

    read_image(folder / file, 32)


def _folds(folder):
    (folder / "json").mkdir()
    (folder / "sdk").mkdir()
    (folder / "json" / "folds.json").write_text(json.dumps(_VIDEOS))
    theirs = {"train": "train", "validation": "valid", "test": "test"}
    text = "".join(f"standard_{theirs[s]}_fold = {v!r}\n" for s, v in _VIDEOS.items())
    (folder / "sdk" / "cmu_mosei_std_folds.py").write_text(text)
    return ["json/folds.json", "sdk/cmu_mosei_std_folds.py"]


def _read_folds(folder, file):
    from kerasfuse.datasets.formats import csd

    csd.folds_of([folder / file], ["v1"])


def _faces(folder):
    _openface(folder / "a.csv", frames=20)
    return ["a.csv"]


def _read_faces(folder, file):
    from kerasfuse.datasets.formats.openface import read_units

    read_units(folder / file)


# What kerasfuse wrote itself.


@contextlib.contextmanager
def _records_in(folder):
    before = os.environ.get("TFDS_DATA_DIR")
    os.environ["TFDS_DATA_DIR"] = str(folder / "tfds")
    try:
        yield
    finally:
        del os.environ["TFDS_DATA_DIR"]
        if before is not None:
            os.environ["TFDS_DATA_DIR"] = before


def _records(folder):
    from kerasfuse import datasets

    tiny_data.dump(tiny_data.mult("mosi"), folder / "data.pkl")
    with _records_in(folder):
        datasets.load("mosi", "train", data_dir=folder / "data.pkl")
        (folder / "digest.txt").write_text(_of_all_records())
    (folder / "data.pkl").unlink()
    return [str(p.relative_to(folder)) for p in folder.rglob("tfds/*/*/*/*") if p.is_file()]


def _of_all_records():
    from kerasfuse import datasets

    splits = {s: datasets.load("mosi", s, shuffle=False) for s in ("train", "validation", "test")}
    return digest(
        {s: [[dict(x), y] for x, y in map(b.__getitem__, range(len(b)))] for s, b in splits.items()}
    )


def _read_records(folder, file):
    with _records_in(folder):
        found = _of_all_records()
    if found != (folder / "digest.txt").read_text():
        raise WrongData(f"other arrays of records with a damaged {file}")


def _run_folder(folder):
    from kerasfuse import recipes

    _use_tiny_zoo(folder)
    run = recipes.train("tiny_simulated", folder / "run", [1, 2], {"epochs": 1}, verbose=0)
    return [str(p.relative_to(folder)) for p in run.folder.rglob("*") if p.is_file()]


def _read_run(folder, file):
    from kerasfuse import recipes, zoo
    from kerasfuse.report.reported_run import ReportedRun

    _use_tiny_zoo(folder)
    run = recipes.read_run(None, folder / "run")
    run.table("test")
    run.best_seed  # noqa: B018
    reported = ReportedRun(run, "run")
    reported.histories()
    reported.predictions  # noqa: B018
    zoo.load(folder / "run").count_params()
    zoo.card(folder / "run")


def _entry(folder):
    import tiny_zoo

    (folder / "entry.toml").write_text(tiny_zoo.ATTENTIVE)
    (folder / "hct_mg").mkdir()
    shutil.copy(catalogue_folder() / "hct_mg_ravdess.toml", folder / "hct_mg" / "entry.toml")
    return ["entry.toml", "hct_mg/entry.toml"]


def catalogue_folder():
    import kerasfuse

    return pathlib.Path(kerasfuse.__file__).parents[1] / "zoo"


def _read_entry(folder, file):
    from kerasfuse import zoo

    place = (folder / file).parent
    zoo.load(place, weights=None)
    zoo.card(place)


READERS = {
    "pickle": Reader(PICKLE, _mixed, _plain_pickle, _reference_pickle),
    "mosei (MulT)": Reader(PICKLE, _pickled(_mult("mosei")), _one("mosei")),
    "iemocap (MulT)": Reader(PICKLE, _pickled(_mult("iemocap")), _one("iemocap")),
    "sims (MMSA)": Reader(PICKLE, _pickled(_mmsa("sims")), _one("sims")),
    "ur_funny": Reader(PICKLE, _ur_funny, load("ur_funny", context=True)),
    "hdf5": Reader(HDF5, _csd, _all_arrays, _reference_arrays),
    "mosei (.csd)": Reader(HDF5, _csd, load("mosei")),
    "ave": Reader(HDF5, _ave, load("ave", vision="pooled")),
    "weights": Reader(HDF5, _weights, _load_weights),
    "own (.npz)": Reader(OTHER, _npz, load("own")),
    "own (table)": Reader(OTHER, _table, _load_table),
    "own (Parquet)": Reader(OTHER, _parquet, _load_parquet),
    "mosi_utterance": Reader(OTHER, _utterances, load("mosi_utterance")),
    "av_mnist (arrays)": Reader(OTHER, _arrays, load("av_mnist")),
    "idx": Reader(OTHER, _idx, _read_idx),
    "sound": Reader(OTHER, _sound, _read_sound),
    "recording": Reader(OTHER, _sound, _read_recording),
    "words": Reader(OTHER, _words, _read_words),
    "image": Reader(OTHER, _image, _read_image),
    "records": Reader(OTHER, _records, _read_records),
    "run folder": Reader(OTHER, _run_folder, _read_run),
    "entry": Reader(OTHER, _entry, _read_entry),
    "lists of folds": Reader(OTHER, _folds, _read_folds),
    "OpenFace": Reader(OTHER, _faces, _read_faces),
}
