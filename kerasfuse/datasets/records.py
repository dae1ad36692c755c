"""Samples of one split that lie in TFDS records, read a batch at a time."""

import json
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from kerasfuse.datasets import report


class Records:
    """Read samples from the records that a conversion wrote.

    Only the index is held in memory: ids, labels and lengths.

    Args:
        folder: folder of the records.
        split: name of the split.
        fields: dict of modality name to the name of the array in the records; by default all
            arrays under their own names.

    Attributes:
        modalities: dict of modality name to the width of its steps, `None` for integer ids, or the
            shape of an image.
        lengths: dict of modality name to `(samples,)` numbers of steps; images have none.
        folder: folder of the records.
        ids, labels: of all samples, in stored order.

    Raises:
        ValueError: for a split that the data set does not have.
    """

    def __init__(self, folder, split, fields=None):
        self.folder = pathlib.Path(folder)
        stored = json.loads((self.folder / "kerasfuse.json").read_text(encoding="utf-8"))
        self._stored = stored
        if split not in stored["report"]["samples"]:
            raise ValueError(
                f"expected split to be one of {', '.join(map(repr, stored['report']['samples']))}. "
                f"Received: {split!r}"
            )
        fields = fields or {name: name for name in stored["fields"]}
        self._fields = fields
        shapes = {name: stored["fields"][field][0] for name, field in fields.items()}
        self.modalities = {name: _width(shape) for name, shape in shapes.items()}
        with np.load(pathlib.Path(folder, f"index-{split}.npz")) as index:
            self.ids, self.labels = index["ids"].tolist(), index["labels"]
            self._digests = index["digests"]
            self.lengths = {
                name: index[f"lengths:{fields[name]}"]
                for name, shape in shapes.items()
                if shape[0] is None
            }
        self.num_samples = len(self.ids)
        self._records = tfds.builder_from_directory(folder).as_data_source(split=split)

    def read(self, rows):
        """Give a dict of modality name to the arrays of some samples, without padding."""
        records = self._records.__getitems__([int(row) for row in rows])
        return {
            name: [record["features"][field] for record in records]
            for name, field in self._fields.items()
        }

    def report(self):
        """Write what the conversion found in the files, as lines."""
        return report.text(self._records.dataset_info.name, self._stored)

    def update(self, digest):
        """Add what the conversion computed of each sample to a hash."""
        digest.update(repr(self._fields).encode())
        digest.update(self._digests.tobytes())


def _width(shape):
    if shape[0] is not None:
        return tuple(shape)
    return shape[1] if len(shape) == 2 else None
