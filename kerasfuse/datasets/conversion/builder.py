"""The records of a data set, as TensorFlow Datasets writes them, a piece at a time."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from importlib import util

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer

from kerasfuse.atomic import replacing, sweep
from kerasfuse.datasets.conversion import record_bytes, sharing
from kerasfuse.datasets.conversion.checking import Piece
from kerasfuse.datasets.conversion.source import Source
from kerasfuse.datasets.conversion.unreadable import check_share

Version = tfds.core.Version
# What is known of a data set, beside its records.
FACTS = "kerasfuse.json"
# What an interruption costs at most, and what the records of a shard are cut to.
_PIECE_BYTES = 2**26
_LEAST_SAMPLES = 16


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

    VERSION = Version("1.1.0")
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
        # In one order of the fields: that of protobuf's own is another in each process.
        serialized = (
            serializer.get_tf_example(self.info.features.encode_example(example)).SerializeToString(
                deterministic=True
            )
            for _, example in self._generate_examples(piece)
        )
        with replacing(path) as temporary:
            record_bytes.write(temporary, serialized, self.info.file_format)
        # The index comes last: where it is, the piece is whole.
        with replacing(path.with_suffix(".npz")) as temporary:
            np.savez(temporary, **piece.index())

    def _download_and_prepare(self, dl_manager, download_config):
        """Put the pieces, which are written already, where TFDS looks for them.

        They stay where they were, too, until all is done: a conversion that is killed on the way
        finds them there.
        """
        infos = []
        for split, pieces in staged(self.builder_config.stage).items():
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
                _put(path, template.sharded_filepath(shard_index=number, num_shards=shards))
            whole = {
                key: np.concatenate([index[key] for _, index in kept])
                for key in kept[0][1]
                if key in ("ids", "labels", "digests") or key.startswith("lengths:")
            }
            np.savez(pathlib.Path(self.data_path, f"index-{split}.npz"), **whole)
        shutil.copy(self.builder_config.stage / FACTS, self.data_path)
        self.info.set_splits(tfds.core.SplitDict(infos))


def _put(path, place):
    try:
        os.link(path, place)
    except OSError:  # not every file system has links
        shutil.copyfile(path, place)


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


def write_pieces(builder, bars):
    """Write the pieces of all splits that are not written yet, with the help of other processes."""
    source, stage = builder.builder_config.source, builder.builder_config.stage
    per_sample = sum(
        np.dtype(field.dtype).itemsize * int(np.prod([size or 100 for size in field.shape]))
        for field in source.fields.values()
    )
    step = max(_LEAST_SAMPLES, _PIECE_BYTES // per_sample)
    sweep(stage)
    pieces = list(_pieces(source, stage, step))
    written = _Written(builder.name, source, pieces, bars)
    missing = sum(not _is_whole(path) for _, path in pieces)
    with sharing.helpers(stage, step, source.unreadable, missing) as helpers:
        # With helpers, what is wrong is told below, of the first piece in which something is.
        with contextlib.suppress(*[ValueError] * bool(helpers)):
            for piece, path in pieces:
                if not _is_whole(path) and sharing.claim(path):
                    builder.write_piece(piece, path)
                written.look()
            for helper in helpers:
                helper.wait()
    for piece, path in pieces:
        if not _is_whole(path):
            builder.write_piece(piece, path)
        written.look()


def write_share(builder, share):
    """Write pieces that nobody writes, until there are none, as a helper."""
    for piece, path in _pieces(
        builder.builder_config.source, builder.builder_config.stage, share.step
    ):
        if share.is_wanted and not _is_whole(path) and sharing.claim(path):
            builder.write_piece(piece, path)


def _pieces(source, stage, step):
    for split, (count, _) in source.splits.items():
        for number, first in enumerate(range(0, count, step)):
            piece = Piece(source, split, first, min(first + step, count))
            yield piece, stage / f"{split}-{number:05d}.records"


def _is_whole(path):
    return path.exists() and path.with_suffix(".npz").exists()


class _Written:
    """Follow, in order, which pieces are written: show it, and count what was left out."""

    def __init__(self, name, source, pieces, bars):
        self._source, self._waiting, self._bars = source, pieces[::-1], bars
        self._tasks = {
            split: bars.add_task(f"{name}, {split}", total=count)
            for split, (count, _) in source.splits.items()
        }
        self._total = sum(count for count, _ in source.splits.values())
        self._left_out, self._seen = [], 0

    def look(self):
        self._check()
        while self._waiting and _is_whole(self._waiting[-1][1]):
            piece, path = self._waiting.pop()
            self._seen += len(piece)
            if self._source.unreadable:
                with np.load(path.with_suffix(".npz")) as index:
                    self._left_out += unreadable_in(index)
                self._check()
            self._bars.advance(self._tasks[piece.split], len(piece))

    def _check(self):
        check_share(self._left_out, self._seen, self._total)


def unreadable_in(index):
    """Give the samples of a piece that were left out, as `Unreadable.listed` gave them."""
    return [json.loads(one) for one in index["unreadable"].tolist()]


def staged(stage):
    """Give `(path of the records, index)` of the pieces of each split."""
    staged = {}
    for path in sorted(stage.glob("[!.]*.npz")):
        split = path.stem.rpartition("-")[0]
        with open(path, "rb") as opened, np.load(opened) as index:
            staged.setdefault(split, []).append((path.with_suffix(".records"), dict(index)))
    order = {"train": 0, "validation": 1, "test": 2}
    return dict(sorted(staged.items(), key=lambda item: (order.get(item[0], 0), item[0])))
