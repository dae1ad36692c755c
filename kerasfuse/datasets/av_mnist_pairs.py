"""Pairs of AV-MNIST: each image of MNIST with a recording of its digit, in noise."""

import functools
import itertools
import re

import keras
import numpy as np

from kerasfuse.datasets.conversion.source import Field, Sample
from kerasfuse.datasets.formats import audio_files
from kerasfuse.datasets.formats.idx import read_idx

_IDX = {
    (part, what): f"{name}-{what}-idx{rank}-ubyte"
    for part, name in (("train", "train"), ("test", "t10k"))
    for what, rank in (("images", 3), ("labels", 1))
}
# Recordings of each speaker and digit by number. The first five are the official test set.
_CLIPS = {"test": range(4), "test tail": range(4, 5), "train": range(5, 45)}
_CLIPS["train tail"] = range(45, 50)
_ENERGY = 0.25
# One second in 112 steps of 112 frequencies.
_RATE, _WINDOW, _STRIDE, _SIDE = 8000, 222, 72, 112
_SIGNAL_TO_NOISE = -13  # decibels: see benchmarks/av_mnist.py
_LOUDNESS_RANGE = 40  # decibels
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")
SHAPES = {"image": (28, 28, 1), "audio": (_SIDE, _SIDE, 1)}


class Pairs:
    """Samples made of the files of MNIST and of spoken digits.

    Args:
        images: dict of `(train or test, images or labels)` to a file of MNIST.
        clips: list of the recordings.
    """

    FILES = (
        f"MNIST ({', '.join(_IDX.values())}, perhaps .gz) and the recordings of the Free Spoken "
        "Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset), 7_jackson_32.wav and "
        "others, in any folders below data_dir"
    )
    name = "paired"
    fields = {name: Field(shape, "uint8") for name, shape in SHAPES.items()}

    def __init__(self, images, clips):
        self.images = images
        self.clips = clips
        self.files = [*images.values(), *clips]

    @classmethod
    def find(cls, folder):
        """Return the pairs of a folder, or `None` where a file is missing."""
        found = {path.name.removesuffix(".gz"): path for path in sorted(folder.rglob("*-ubyte*"))}
        clips = [path for path in sorted(folder.rglob("[0-9]_*.wav")) if _NAME.fullmatch(path.stem)]
        if not clips or not set(_IDX.values()) <= found.keys():
            return None
        return cls({key: found[name] for key, name in _IDX.items()}, clips)

    def open(self):
        """Read and check the images, and return how many there are for training and for test."""
        self._x = {part: read_idx(self.images[part, "images"], 3) for part in ("train", "test")}
        self._digits = {part: read_idx(self.images[part, "labels"], 1) for part in self._x}
        for part, x in self._x.items():
            labels, file = self._digits[part], str(self.images[part, "labels"])
            if x.shape[1:] != SHAPES["image"][:2] or len(x) != len(labels):
                raise ValueError(
                    f"expected images of 28 x 28 and as many labels. Received: {x.shape} in "
                    f"{str(self.images[part, 'images'])!r} and {len(labels)} in {file!r}"
                )
            if labels.max(initial=0) > 9:
                raise ValueError(f"expected digits. Received: label {labels.max()} in {file!r}")
        return {part: len(x) for part, x in self._x.items()}

    def split(self, parts):
        """Give each image a recording of its digit, one after the other.

        Args:
            parts: dict of `"train"`, `"test"`, and their tails, to the positions of their images.

        Returns:
            dict like it, to lists of what `read` takes of each sample; and a note.
        """
        self._mean, self._components = _principal(self._x["train"][parts["train"]])
        self._sound = functools.cache(_sound)  # each is heard many times
        pairs = {}
        for number, (part, positions) in enumerate(parts.items()):
            whole = part.removesuffix(" tail")
            by_digit = _by_digit(self.clips, _CLIPS[part])
            turns = {digit: itertools.cycle(found) for digit, found in by_digit.items() if found}
            pairs[part] = []
            for i in positions:
                digit = int(self._digits[whole][i])
                if digit not in turns:
                    raise ValueError(
                        f"expected recordings of {digit} with the numbers {min(_CLIPS[part])} to "
                        f"{max(_CLIPS[part])}, for {part} images. Received: {len(self.clips)} "
                        f"others in {str(self.clips[0].parent)!r}. Get all of the recordings."
                    )
                pairs[part].append((whole, i, digit, next(turns[digit]), [number, i]))
        count = self._components.shape[1]
        return pairs, f"Of the images {count} principal components are left."

    def read(self, whole, i, digit, clip, seed):
        """Make a sample; `seed` is that of its noise."""
        x = self._x[whole][i].reshape(-1) - self._mean
        x = x @ self._components @ self._components.T + self._mean
        return Sample(
            id=f"{whole}-{i:05d}-{clip.stem}",
            features={
                "image": np.clip(np.round(x), 0, 255).astype("uint8").reshape(SHAPES["image"]),
                "audio": _spectrogram(self._sound(clip), seed),
            },
            label=np.array(digit),
            place=f"{self.images[whole, 'images']}[{i}] and {clip}",
        )


def _by_digit(clips, numbers):
    """Give the recordings of each digit, all speakers in turn."""
    found = {digit: [] for digit in range(10)}
    for clip in clips:
        digit, speaker, number = _NAME.fullmatch(clip.stem).groups()
        if int(number) in numbers:
            found[int(digit)].append((int(number), speaker, clip))
    return {digit: [clip for _, _, clip in sorted(named)] for digit, named in found.items()}


def _principal(images):
    """Give the mean of images and as few leading components as hold the share of the variance."""
    x = images.reshape(len(images), -1).astype("float64")
    mean = x.mean(axis=0)
    x -= mean
    variances, components = np.linalg.eigh(x.T @ x)
    share = np.cumsum(variances[::-1]) / variances.sum()
    kept = np.searchsorted(share, _ENERGY) + 1
    return mean, components[:, ::-1][:, :kept]


def _sound(clip):
    """Give one second of a recording, its mean square 1 before silence fills it up."""
    x = audio_files.read_sound(clip, _RATE)[:_RATE]
    x = x / np.sqrt(np.mean(np.square(x)) + 1e-12)
    return np.pad(x, (0, _RATE - len(x)))


def _spectrogram(sound, seed):
    noise = np.random.default_rng(seed).standard_normal(_RATE, "float32")
    x = sound + 10 ** (-_SIGNAL_TO_NOISE / 20) * noise
    real, imaginary = keras.ops.stft(x[None].astype("float32"), _WINDOW, _STRIDE, _WINDOW)
    power = keras.ops.convert_to_numpy(keras.ops.square(real) + keras.ops.square(imaginary))[0]
    decibels = 10 * np.log10(power / power.max() + 1e-10)
    scaled = np.maximum(0, 1 + decibels / _LOUDNESS_RANGE)
    return np.round(255 * scaled.T[..., None]).astype("uint8")
