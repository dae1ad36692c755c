"""From the files of a data set to TFDS records: once, in pieces, and whole or not at all."""

import contextlib
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import logging
import os
import pathlib
import shutil
from importlib import util

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer, writer

from kerasfuse.atomic import replacing
from kerasfuse.datasets import progress, report
from kerasfuse.datasets.checking import Piece
from kerasfuse.datasets.source import Source

# What an interruption costs at most, and what the records of a shard are cut to.
_PIECE_BYTES = 2**26
_LEAST_SAMPLES = 16
_FACTS = "kerasfuse.json"


@dataclasses.dataclass(eq=False, kw_only=True)
class Packaging(tfds.core.BuilderConfig):
    """A packaging of a data set, and the source that its records are made of."""

    source: Source | None = None
    stage: pathlib.Path | None = None


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Write the samples of a `Source`, one a record, arrays as bytes.

    A record has `id`, `label`, the arrays in `features` and the texts in `texts`. Beside the
    records lie the index of each split and what was found in the files.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "See the data set's page in kerasfuse.datasets."

    def _info(self):
        source = self.builder_config.source
        bytes_ = tfds.features.Encoding.BYTES
        return tfds.core.DatasetInfo(
            builder=self,
            description=(type(self).__doc__ or "").split("\n")[0],
            disable_shuffling=True,  # the order of the files
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "label": tfds.features.Tensor(shape=source.label_shape, dtype=np.float32),
                    "features": {
                        name: tfds.features.Tensor(
                            shape=field.shape, dtype=np.dtype(field.dtype), encoding=bytes_
                        )
                        for name, field in source.fields.items()
                    },
                    "texts": {name: tfds.features.Text() for name in source.texts},
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(piece) for split, piece in self._whole_splits()}

    def _generate_examples(self, piece):
        for sample in piece:
            yield (
                sample.id,
                {
                    "id": sample.id,
                    "label": sample.label,
                    "features": sample.features,
                    "texts": sample.texts,
                },
            )

    def _whole_splits(self):
        source = self.builder_config.source
        return [(split, Piece(source, split, 0, n)) for split, (n, _) in source.splits.items()]

    def write_piece(self, piece, path):
        """Write the samples of a `Piece` into one file, and beside it their index."""
        serializer = example_serializer.ExampleSerializer(self.info.features.get_serialized_info())
        serialized = (
            (key, serializer.serialize_example(self.info.features.encode_example(example)))
            for key, example in self._generate_examples(piece)
        )
        with replacing(path) as temporary:
            writer.ExampleWriter(self.info.file_format).write(temporary, serialized)
        # The index comes last: where it is, the piece is whole.
        with replacing(path.with_suffix(".npz")) as temporary:
            np.savez(temporary, **piece.index())

    def _download_and_prepare(self, dl_manager, download_config):
        """Move the pieces, which are written already, to where TFDS looks for them."""
        infos = []
        for split, pieces in _staged(self.builder_config.stage).items():
            kept = [(path, index) for path, index in pieces if len(index["ids"])]
            template = self._get_filename_template(split_name=split)
            infos.append(
                tfds.core.SplitInfo(
                    name=split,
                    shard_lengths=[len(index["ids"]) for _, index in kept],
                    num_bytes=sum(path.stat().st_size for path, _ in kept),
                    filename_template=template,
                )
            )
            for number, (path, _) in enumerate(kept):
                shards = len(kept)
                os.replace(path, template.sharded_filepath(shard_index=number, num_shards=shards))
            whole = {
                key: np.concatenate([index[key] for _, index in kept])
                for key in kept[0][1]
                if key in ("ids", "labels", "digests") or key.startswith("lengths:")
            }
            np.savez(pathlib.Path(self.data_path, f"index-{split}.npz"), **whole)
        shutil.copy(self.builder_config.stage / _FACTS, self.data_path)
        self.info.set_splits(tfds.core.SplitDict(infos))


def prepared(builder_class, files, read, accept=None):
    """Give the folder of the records that were made from files, making them if need be.

    The records lie where those of TensorFlow Datasets do: in TFDS_DATA_DIR or
    ~/tensorflow_datasets. They know their files again by name, size and time, else by content. An
    interrupted conversion leaves only a hidden folder of finished pieces, with which the same
    conversion goes on.

    Args:
        builder_class: subclass of `Builder`.
        files: list of paths; empty for records whose files are gone.
        read: function of a progress display that gives the `Source`; called only when records
            have to be made.
        accept: function of what is stored beside the records, whether they will do.

    Returns:
        `(folder, facts)`, or `None` when there are neither files nor records.

    Raises:
        ValueError: for files that hold anything but what they should.
        OSError: when the records cannot be written.
    """
    root = home() / builder_class.name
    files = [pathlib.Path(file) for file in files]
    found = _find(root, files, accept)
    if found or not files:
        return found
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            # Another process may have been faster.
            return _find(root, files, accept) or _convert(builder_class, root, files, read)
    except OSError as error:
        if not str(error.filename or "").startswith(str(root.parent)):
            raise  # of the source files, or told already
        raise OSError(
            f"expected a folder to write the prepared records to. Received: {root} ({error}). "
            "Name another one in the environment variable TFDS_DATA_DIR."
        ) from error


def home():
    """Give the folder of TensorFlow Datasets, which holds all records."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def source_folder(data_dir):
    """Give the folder, or file, of source files: named by the user, else TFDS's manual folder."""
    named = data_dir or os.environ.get("KERASFUSE_DATA")
    return pathlib.Path(named or home() / "downloads" / "manual").expanduser()


def _find(root, files, accept):
    stamp = _stamp(files)
    for path in sorted(root.glob(f"[!.]*/*/{_FACTS}")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["version"] != str(Builder.VERSION):
            continue
        known = not files or facts["stamp"] == stamp
        if not known and facts["bytes"] == _size(files) and facts["sha256"] == _sha256(files):
            known = True  # moved, or touched: the next time needs no look inside
            _write_facts(path, facts | {"stamp": stamp})
        if known and (accept is None or accept(facts)):
            return path.parent, facts
    return None


def _convert(builder_class, root, files, read):
    with progress.bars() as bars:
        source = read(bars)
        _check_splits(source, files)
        sha256 = _sha256(files)
        stage = root / f".converting-{source.config}-{sha256[:16]}"
        builder = _builder(builder_class, source, stage, root.parent)
        try:
            _write_pieces(builder, source, stage, bars)
            pieces = _staged(stage)
            _check_ids(pieces, files)
            found = report.gather(source, pieces)
        except ValueError:  # nothing to go on with
            shutil.rmtree(stage, ignore_errors=True)
            raise
    facts = {
        "version": str(Builder.VERSION),
        "stamp": _stamp(files),
        "bytes": _size(files),
        "sha256": sha256,
        "fields": {n: [list(f.shape), f.dtype] for n, f in source.fields.items()},
        "label_range": source.label_range,
        "facts": source.facts,
        "report": found,
    }
    _write_facts(stage / _FACTS, facts)
    if builder.data_path.exists():  # records of other files, or what TFDS did not finish
        shutil.rmtree(builder.data_path)
        builder = _builder(builder_class, source, stage, root.parent)
    _finish(builder)
    shutil.rmtree(stage)
    progress.say(report.text(builder.name, facts))
    return pathlib.Path(builder.data_path), facts


def _write_facts(path, facts):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _builder(builder_class, source, stage, data_dir):
    config = Packaging(name=source.config, source=source, stage=stage)
    with _quiet():
        return builder_class(config=config, data_dir=data_dir, file_format=file_format())


def _finish(builder):
    with _quiet():
        builder.download_and_prepare(
            # A folder that is there and not empty: the records were read from elsewhere.
            download_config=tfds.download.DownloadConfig(
                manual_dir=builder.builder_config.stage, try_download_gcs=False
            )
        )


@contextlib.contextmanager
def _quiet():
    """Keep TFDS from announcing itself; its own bars have nothing left to show."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def file_format():
    """Name the format that records are written in: the best of those that are installed."""
    if util.find_spec("array_record"):
        return "array_record"
    if util.find_spec("pyarrow"):
        return "parquet"
    raise ImportError(
        "expected array-record or, where it does not exist, pyarrow. Received: neither. "
        "pip install 'kerasfuse-zoo[data]'"
    )


def _write_pieces(builder, source, stage, bars):
    per_sample = sum(
        np.dtype(field.dtype).itemsize * int(np.prod([size or 100 for size in field.shape]))
        for field in source.fields.values()
    )
    step = max(_LEAST_SAMPLES, _PIECE_BYTES // per_sample)
    for split, (count, _) in source.splits.items():
        task = bars.add_task(f"{builder.name}, {split}", total=count)
        for number, first in enumerate(range(0, count, step)):
            stop = min(first + step, count)
            path = stage / f"{split}-{number:05d}.records"
            if not path.with_suffix(".npz").exists():
                builder.write_piece(Piece(source, split, first, stop), path)
            bars.update(task, completed=stop)


def _staged(stage):
    """Give `(path of the records, index)` of the pieces of each split."""
    staged = {}
    for path in sorted(stage.glob("[!.]*.npz")):
        split = path.stem.rpartition("-")[0]
        with np.load(path) as index:
            staged.setdefault(split, []).append((path.with_suffix(".records"), dict(index)))
    order = {"train": 0, "validation": 1, "test": 2}
    return dict(sorted(staged.items(), key=lambda item: (order.get(item[0], 0), item[0])))


def _check_splits(source, files):
    empty = [split for split, (count, _) in source.splits.items() if not count]
    if empty:
        raise ValueError(
            f"expected samples in every split. Received: none in {', '.join(empty)} of "
            f"{_named(files)}. Get the files again, or leave the split out."
        )


def _check_ids(pieces, files):
    for split, parts in pieces.items():
        ids = list(itertools.chain.from_iterable(index["ids"].tolist() for _, index in parts))
        if not ids:
            raise ValueError(
                f"expected samples in every split. Received: {split} of {_named(files)}, whose "
                "samples have all no features or no label. Get the files again."
            )
        if len(set(ids)) < len(ids):
            seen = {}
            for place, name in enumerate(ids):
                if name in seen:
                    raise ValueError(
                        f"expected one sample an id. Received: field 'id' {name!r} twice in "
                        f"{split} of {_named(files)}, at samples {seen[name]} and {place}. "
                        "Remove one, or give it another id."
                    )
                seen[name] = place


def _named(files):
    others = f" and {len(files) - 1} more files" if len(files) > 1 else ""
    return f"{str(files[0])!r}{others}"


def _stamp(files):
    digest = hashlib.sha256()
    for file in files:
        found = file.stat()
        digest.update(f"{file.name}/{found.st_size}/{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _size(files):
    return sum(file.stat().st_size for file in files)


def _sha256(files):
    return _sha256_of(tuple((str(file), file.stat().st_mtime_ns) for file in files))


@functools.lru_cache(maxsize=8)
def _sha256_of(stamped):
    digest = hashlib.sha256()
    for path, _ in stamped:
        digest.update(pathlib.Path(path).name.encode())
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(root):
    """Let one process at a time convert a data set; the lock of a killed one is free again."""
    try:
        import fcntl
    except ImportError:  # Windows: two at once do the same work twice
        yield
        return
    with open(root / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
