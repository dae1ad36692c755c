"""AV-MNIST: digits that are seen, blurred, and heard, in noise."""

import functools
import itertools
import re

import keras
import numpy as np

from kerasfuse.datasets import conversion, recordings, source_files
from kerasfuse.datasets.builder import Builder
from kerasfuse.datasets.idx import read_idx
from kerasfuse.datasets.records import Records
from kerasfuse.datasets.registry import register
from kerasfuse.datasets.source import Field, Sample, Source

_IDX = {
    (part, what): f"{name}-{what}-idx{rank}-ubyte"
    for part, name in (("train", "train"), ("test", "t10k"))
    for what, rank in (("images", 3), ("labels", 1))
}
_DUMP = {
    (part, what): name
    for part in ("train", "test")
    for what, name in (
        ("image", f"image/{part}_data.npy"),
        ("audio", f"audio/{part}_data.npy"),
        ("labels", f"{part}_labels.npy"),
    )
}
_SIZES = {"train": 54000, "validation": 7000, "test": 9000}
_SMALL = 20000
# Recordings of each speaker and digit by number. The first five are the official test set.
_CLIPS = {"test": range(4), "test tail": range(4, 5), "train": range(5, 45)}
_CLIPS["train tail"] = range(45, 50)
_SPLITS = {"train": ("train",), "validation": ("train tail", "test tail"), "test": ("test",)}
_ENERGY = 0.25
# One second in 112 steps of 112 frequencies.
_RATE, _WINDOW, _STRIDE, _SIDE = 8000, 222, 72, 112
_SIGNAL_TO_NOISE = -13  # decibels: see benchmarks/av_mnist.py
_LOUDNESS_RANGE = 40  # decibels
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")
_SHAPES = {"image": (28, 28, 1), "audio": (_SIDE, _SIDE, 1)}
# Mean and standard deviation of the values of the first 20,000 training pairs.
_MOMENTS = {"image": (0.136, 0.214), "audio": (0.647, 0.146)}
_AS_THEY_ARE = dict.fromkeys(_SHAPES, (0.0, 1.0))

_INSTRUCTIONS = (
    f"MNIST ({', '.join(_IDX.values())}, perhaps .gz) and the recordings of the Free Spoken Digit "
    "Dataset (github.com/Jakobovski/free-spoken-digit-dataset), 7_jackson_32.wav and others, in "
    f"any folders below data_dir; or the arrays that circulate: {', '.join(_DUMP.values())}."
)


@register
def av_mnist(split, data_dir=None, *, small=False, standardize=True, strict=False):
    r"""Load AV-MNIST (Vielzeuf et al., "CentralNet", ECCV workshops 2018): digits seen and heard.

    Two images a sample: image `(28, 28, 1)` and audio `(112, 112, 1)`, frequencies by steps; a
    label is the digit. As in the paper, each is spoilt so far that one modality alone is not
    enough: of the MNIST image only as many leading principal components are left as hold 25 % of
    the variance (of the training images, to which they are fitted: four), and the sound has noise.

    The paper's sounds are not free; ours are the Free Spoken Digit Dataset, 3000 recordings of six
    speakers. To one second of a recording, scaled to a mean square of 1, normal noise is added at a
    signal-to-noise ratio of -13 dB, drawn anew for each sample but always alike. Audio is

    \[ 1 + 20 \log_{10}(|S| / \max |S|) / 40, \text{ at least } 0 \]

    with \(S\) its Fourier transform in windows of 222 samples (28 ms) every 72 (9 ms). A small
    network then gets about as many right as the paper's do, whose are 65 % of the images and 41 %
    of the sounds: 65 % and 44 % after five epochs of 20,000 samples (benchmarks/av_mnist.py). Both
    modalities are in 0 to 1 before they are standardized, stored as bytes, in steps of 1/255 (0.16
    decibels), and take 0.9 GB with all 70,000 samples.

    The k-th image of a digit has the k-th recording of it, from the start again when they are used
    up. Training has the first 54,000 of the 60,000 training images and recordings 5 to 44 of each
    speaker, test the first 9000 of the 10,000 test images and recordings 0 to 3. Validation has the
    tails of both: 6000 images with recordings 45 to 49 and 1000 with recording 4. No image and no
    recording is in two splits; all speakers are in all of them.

    Where `data_dir` has them, the arrays that circulate (60,000 and 10,000 samples, made of other
    sounds) are cut at the same places. Which recordings they are made of is not known, so that
    some may be in two splits.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files; the environment variable KERASFUSE_DATA by default,
            then the manual folder of TensorFlow Datasets.
        small: train on the first 20,000 pairs only, for small machines.
        standardize: centre and scale each modality by the mean and standard deviation of its
            training values, image by 0.136 and 0.214, audio by 0.647 and 0.146. Networks without
            batch norm learn much faster so, and an absent modality, zeros, is an average one.
        strict: refuse split sizes other than those above.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the files are not found.
        ImportError: without soundfile, of the extra `data`.
        ValueError: for files that do not hold what they should.

    Example:

    >>> train = kerasfuse.datasets.load("av_mnist", split="train", small=True)
    """
    for name, value in (("small", small), ("standardize", standardize)):
        if not isinstance(value, bool):
            raise ValueError(f"expected {name}=True or False. Received: {name}={value!r}")
    files, clips = _find(source_files.folder(data_dir))
    read = _paired if clips else _dump
    stored, _ = conversion.prepared(
        AvMnist,
        [*files.values(), *clips],
        lambda bars: read(files, clips, small),
        lambda facts: facts["facts"]["small"] == small,
        data_dir=data_dir,
        missing="the files of MNIST and recordings, or the arrays that circulate",
        strict=strict,
    )
    records = Records(stored, split)
    # Stored are bytes.
    records.standardize(
        {
            name: (np.array([255.0 * mean]), np.array([255.0 * deviation]))
            for name, (mean, deviation) in (_MOMENTS if standardize else _AS_THEY_ARE).items()
        }
    )
    return records.arguments()


class AvMnist(Builder):
    """AV-MNIST: digits seen and heard."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _find(folder):
    """Give a dict of the files, empty where one is missing, and the list of recordings."""
    dump = {key: folder / name for key, name in _DUMP.items()}
    if all(file.is_file() for file in dump.values()):
        return dump, []
    found = {path.name.removesuffix(".gz"): path for path in sorted(folder.rglob("*-ubyte*"))}
    clips = [path for path in sorted(folder.rglob("[0-9]_*.wav")) if _NAME.fullmatch(path.stem)]
    if not clips or not set(_IDX.values()) <= found.keys():
        return {}, []
    return {key: found[name] for key, name in _IDX.items()}, clips


def _source(config, fields, samples, read, small, note):
    """Join the samples of parts, which are lists of arguments of `read`, into splits."""
    joined = {
        split: [sample for part in parts for sample in samples[part]]
        for split, parts in _SPLITS.items()
    }
    return Source(
        config=f"{config}_small" if small else config,
        fields=fields,
        splits={
            split: (len(found), lambda i, found=found: read(*found[i]))
            for split, found in joined.items()
        },
        label_range=(0, 9),
        known_sizes=_SIZES | ({"train": _SMALL} if small else {}),
        notes=[note],
        facts={"small": small},
    )


def _cut(counts, small):
    """Give the positions of each part among the training or test samples that it is a part of."""
    parts = {}
    for part, count in counts.items():
        edge = count * 9 // 10
        parts[part] = range(edge)
        parts[f"{part} tail"] = range(edge, count)
    if small:
        parts["train"] = parts["train"][:_SMALL]
    return parts


def _paired(files, clips, small):
    images = {part: read_idx(files[part, "images"], 3) for part in ("train", "test")}
    digits = {part: read_idx(files[part, "labels"], 1) for part in ("train", "test")}
    for part, x in images.items():
        if x.shape[1:] != _SHAPES["image"][:2] or len(x) != len(digits[part]):
            raise ValueError(
                f"expected images of 28 x 28 and as many labels. Received: {x.shape} in "
                f"{str(files[part, 'images'])!r} and {len(digits[part])} in "
                f"{str(files[part, 'labels'])!r}"
            )
        if digits[part].max(initial=0) > 9:
            raise ValueError(
                f"expected digits. Received: label {digits[part].max()} in "
                f"{str(files[part, 'labels'])!r}"
            )
    parts = _cut({part: len(x) for part, x in images.items()}, small)
    mean, components = _principal(images["train"][parts["train"]])
    sound = functools.cache(_sound)  # each is heard many times

    def read(whole, i, digit, clip, seed):
        x = images[whole][i].reshape(-1) - mean
        x = x @ components @ components.T + mean
        return Sample(
            id=f"{whole}-{i:05d}-{clip.stem}",
            features={
                "image": np.clip(np.round(x), 0, 255).astype("uint8").reshape(_SHAPES["image"]),
                "audio": _spectrogram(sound(clip), seed),
            },
            label=np.array(digit),
            place=f"{files[whole, 'images']}[{i}] and {clip}",
        )

    return _source(
        "paired",
        {name: Field(shape, "uint8") for name, shape in _SHAPES.items()},
        _pairs(digits, clips, parts),
        read,
        small,
        f"Of the images {components.shape[1]} principal components are left.",
    )


def _pairs(digits, clips, parts):
    """Give each image a recording of its digit, one after the other.

    Returns:
        dict of part to a list of `(train or test, position, digit, recording, seed of its noise)`.
    """
    pairs = {}
    for number, (part, positions) in enumerate(parts.items()):
        whole = part.removesuffix(" tail")
        by_digit = _by_digit(clips, _CLIPS[part])
        turns = {digit: itertools.cycle(found) for digit, found in by_digit.items() if found}
        pairs[part] = []
        for i in positions:
            digit = int(digits[whole][i])
            if digit not in turns:
                raise ValueError(
                    f"expected recordings of {digit} with the numbers {min(_CLIPS[part])} to "
                    f"{max(_CLIPS[part])}, for {part} images. Received: {len(clips)} others in "
                    f"{str(clips[0].parent)!r}. Get all of the recordings."
                )
            pairs[part].append((whole, i, digit, next(turns[digit]), [number, i]))
    return pairs


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
    x = recordings.read_sound(clip, _RATE)[:_RATE]
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


def _dump(files, clips, small):
    arrays = {key: _open_array(file) for key, file in files.items()}
    fields = {}
    for part in ("train", "test"):
        count = len(arrays[part, "labels"])
        for name, shape in _SHAPES.items():
            x = arrays[part, name]
            if x.size != count * np.prod(shape) or x.dtype.kind not in "fiu":
                raise ValueError(
                    f"expected {count} samples of {' x '.join(map(str, shape))} numbers, as there "
                    f"are labels, in {str(files[part, name])!r}. Received: dtype {x.dtype}, shape "
                    f"{x.shape}"
                )
            fields[name] = Field(shape, "uint8" if x.dtype == "uint8" else "float32")

    def read(part, i):
        return Sample(
            id=f"{part}-{i:05d}",
            features={name: arrays[part, name][i].reshape(_SHAPES[name]) for name in _SHAPES},
            label=arrays[part, "labels"][i],
            place=f"{files[part, 'labels'].parent}, {part}[{i}]",
        )

    parts = _cut({part: len(arrays[part, "labels"]) for part in ("train", "test")}, small)
    return _source(
        "dump",
        fields,
        {part: [(part.removesuffix(" tail"), i) for i in rows] for part, rows in parts.items()},
        read,
        small,
        "Which recordings the arrays are made of is not known: some may be in two splits.",
    )


def _open_array(file):
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"expected an array of numbers. Received: {str(file)!r}, which cannot be read "
            f"({error}). Download it again."
        ) from error
