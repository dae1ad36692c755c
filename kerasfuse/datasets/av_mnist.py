"""AV-MNIST: digits that are seen, blurred, and heard, in noise."""

import numpy as np

from kerasfuse.datasets.av_mnist_pairs import Pairs
from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Source
from kerasfuse.datasets.formats.av_mnist_arrays import CirculatingArrays
from kerasfuse.datasets.registry import register

_SIZES = {"train": 54000, "validation": 7000, "test": 9000}
_SMALL = 20000
_SPLITS = {"train": ("train",), "validation": ("train tail", "test tail"), "test": ("test",)}
# Mean and standard deviation of the values of the first 20,000 training pairs.
_MOMENTS = {"image": (0.136, 0.214), "audio": (0.647, 0.146)}
_AS_THEY_ARE = dict.fromkeys(_MOMENTS, (0.0, 1.0))


@register(classes=tuple("0123456789"))
def av_mnist(split, data_dir=None, *, small=False, standardize=True, strict=False):
    """Load AV-MNIST (Vielzeuf et al., "CentralNet", ECCV workshops 2018): digits seen and heard.

    Two images a sample: image `(28, 28, 1)` and audio `(112, 112, 1)`, frequencies by steps; a
    label is the digit. As in the paper, each is spoilt so far that one modality alone is not
    enough: of the MNIST image only as many leading principal components are left as hold 25 % of
    the variance (of the training images, to which they are fitted: four), and the sound has noise.

    The paper's sounds are not free; ours are the Free Spoken Digit Dataset, 3000 recordings of six
    speakers. To one second of a recording, scaled to a mean square of 1, normal noise is added at a
    signal-to-noise ratio of -13 dB, drawn anew for each sample but always alike. Audio is

        max(0, 1 + 20 log10(|S| / max |S|) / 40)

    with S its Fourier transform in windows of 222 samples (28 ms) every 72 (9 ms). A small
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
    found = _find(source_files.folder(data_dir))
    stored, _ = conversion.prepared(
        AvMnist,
        found.files if found else [],
        lambda bars: _source(found, small),
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

    MANUAL_DOWNLOAD_INSTRUCTIONS = f"{Pairs.FILES}; or {CirculatingArrays.FILES}."


def _find(folder):
    return CirculatingArrays.find(folder) or Pairs.find(folder)


def _source(found, small):
    """Cut what was found into splits, which join parts."""
    samples, note = found.split(_cut(found.open(), small))
    joined = {
        split: [sample for part in parts for sample in samples[part]]
        for split, parts in _SPLITS.items()
    }
    return Source(
        config=f"{found.name}_small" if small else found.name,
        fields=found.fields,
        splits={
            split: (len(rows), lambda i, rows=rows: found.read(*rows[i]))
            for split, rows in joined.items()
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
