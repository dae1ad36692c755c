"""The arrays of AV-MNIST that circulate."""

import numpy as np

from kerasfuse.datasets.av_mnist_pairs import SHAPES
from kerasfuse.datasets.conversion.source import Field, Sample
from kerasfuse.datasets.formats import numpy_files
from kerasfuse.shown import shortened

_NAMES = {
    (part, what): name
    for part in ("train", "test")
    for what, name in (
        ("image", f"image/{part}_data.npy"),
        ("audio", f"audio/{part}_data.npy"),
        ("labels", f"{part}_labels.npy"),
    )
}


class CirculatingArrays:
    """Samples of the arrays that circulate, made by others of other sounds.

    Args:
        paths: dict of `(train or test, image, audio or labels)` to a file.
    """

    FILES = f"the arrays that circulate: {', '.join(_NAMES.values())}"
    name = "dump"

    def __init__(self, paths):
        self.paths = paths
        self.files = list(paths.values())

    @classmethod
    def find(cls, folder):
        """Return the arrays of a folder, or `None` where one is missing."""
        paths = {key: folder / name for key, name in _NAMES.items()}
        return cls(paths) if all(file.is_file() for file in paths.values()) else None

    def open(self):
        """Open and check the arrays, and return how many there are for training and for test."""
        self._arrays = {key: _open_array(file) for key, file in self.paths.items()}
        counts = {part: len(self._arrays[part, "labels"]) for part in ("train", "test")}
        self.fields = {}
        for part, count in counts.items():
            for name, shape in SHAPES.items():
                x = self._arrays[part, name]
                if x.size != count * np.prod(shape) or x.dtype.kind not in "fiu":
                    raise ValueError(
                        f"expected {count} samples of {' x '.join(map(str, shape))} numbers, as "
                        f"there are labels, in {str(self.paths[part, name])!r}. Received: dtype "
                        f"{x.dtype}, shape {x.shape}"
                    )
                self.fields[name] = Field(shape, "uint8" if x.dtype == "uint8" else "float32")
        return counts

    def split(self, parts):
        """List what `read` takes of each sample of each part, and give a note."""
        return (
            {part: [(part.removesuffix(" tail"), i) for i in rows] for part, rows in parts.items()},
            "Which recordings the arrays are made of is not known: some may be in two splits.",
        )

    def read(self, part, i):
        """Make a sample of the `i`-th of a part."""
        return Sample(
            id=f"{part}-{i:05d}",
            features={n: self._arrays[part, n][i].reshape(shape) for n, shape in SHAPES.items()},
            label=self._arrays[part, "labels"][i],
            place=f"{self.paths[part, 'labels'].parent}, {part}[{i}]",
        )


def _open_array(file):
    try:
        return numpy_files.load_array(file, mmap_mode="r")
    except ValueError as error:
        raise ValueError(
            f"expected an array of numbers. Received: {str(file)!r}, which cannot be read "
            f"({shortened(str(error))}). Download it again."
        ) from error
