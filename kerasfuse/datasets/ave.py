"""AVE: events that are heard and seen, from the official .h5 files or from wav and frames."""

import functools

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder, Version
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats import hdf5, wav_and_frames
from kerasfuse.datasets.formats.text_files import read_text
from kerasfuse.datasets.registry import register
from kerasfuse.shown import shortened, shown

_SHAPES = {"audio": (10, 128), "vision": (10, 7, 7, 512), "label": (10, 29)}
_FILES = {
    "audio": "audio_feature.h5",
    "vision": "visual_feature.h5",
    "label": "labels.h5",
    "train": "train_order.h5",
    "validation": "val_order.h5",
    "test": "test_order.h5",
}
_SPLITS = ("train", "validation", "test")
_SIZES = {"train": 3339, "validation": 402, "test": 402}
_LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
_SECONDS = 10
_INSTRUCTIONS = (
    "The features of the authors (github.com/YapengTian/AVE-ECCV18): "
    f'{", ".join(_FILES.values())}; or, for vision="frames", their {", ".join(_LISTS.values())} '
    "and for each video VIDEO.wav and a folder VIDEO with its frames (.jpg or .png), in any "
    "folders below data_dir."
)


@register(classes=28)
def ave(split, data_dir=None, *, vision="features", strict=False, unreadable=None):
    """Load AVE (Tian et al., ECCV 2018): 28 audio-visual events in 4143 videos of ten seconds.

    With `vision="features"` audio is `(10, 128)`, VGGish features of each second, and vision
    `(10, 7, 7, 512)`, feature maps of VGG-19. A label is `(10, 29)`: for each second one-hot the
    event, or the background, the last, where it is not both heard and seen.

    With `vision="pooled"` the maps are averaged over their 49 places: sequences of ten seconds,
    audio `(10, 128)` and vision `(10, 512)`. A label is the event of the video, from 0 to 27.

    With `vision="frames"` a sample is a pair of images: audio `(257, 625, 1)`, the logarithm of the
    magnitudes of 512-sample windows every 353 samples of 10 s at 22.05 kHz, and vision
    `(224, 224, 3)`, the frame in the middle of the event, in 0 to 255. A label is the event, from 0
    to 27 in the order of the alphabet.

    3339 videos are for training, 402 for validation, 402 for testing.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files; the environment variable KERASFUSE_DATA by default,
            then the manual folder of TensorFlow Datasets.
        vision: `"features"`, `"pooled"` or `"frames"`.
        strict: refuse split sizes other than those above.
        unreadable: with `vision="frames"`, what to do at a video whose files cannot be used:
            `"stop"`, or `"skip"`, which leaves the video out and lists it in the report, with file
            and cause. By default `"skip"` from 1,000 videos on. Files that cannot be used are those
            that cannot be read or break off, and sound that is silent or shorter than a window. If
            more than 5 % of the videos are left out, or all of a split or class, it stops all the
            same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when a file is not found; it tells which.
        ImportError: for frames without soundfile or Pillow, of the extra `data`.
        ValueError: for files that hold something else, for another `vision`, and for `unreadable`
            with features.

    Example:

    >>> train = kerasfuse.datasets.load("ave", data_dir="data")
    """
    if vision not in ("features", "pooled", "frames"):
        raise ValueError(
            f"expected vision to be 'features', 'pooled' or 'frames'. Received: vision={vision!r}"
        )
    if unreadable is not None and vision != "frames":
        raise ValueError(
            'expected unreadable with vision="frames", where videos have files of their own. '
            f"Received: unreadable={unreadable!r} and vision={vision!r}. Leave it out."
        )
    folder = source_files.folder(data_dir)
    named = _LISTS if vision == "frames" else _FILES
    files = {role: folder / name for role, name in named.items()}
    missing = [file.name for file in files.values() if not file.is_file()]
    everything = list(files.values())
    read = functools.partial(_features, pooled=vision == "pooled")
    if vision == "frames":
        pairs, notes = source_files.pair(*wav_and_frames.find(folder, lambda path: path.name))
        everything += wav_and_frames.files(pairs)
        missing += [] if pairs else ["pairs of wav and frames"]
        read = functools.partial(_frames, pairs=pairs, notes=notes)
    stored, _ = conversion.prepared(
        Ave,
        [] if missing else everything,
        lambda bars: read(files),
        lambda facts: facts["facts"].get("vision") == vision,
        data_dir=data_dir,
        missing=", ".join(missing),
        strict=strict,
        own_files=vision == "frames",
        unreadable=unreadable,
    )
    return Records(stored, split).arguments()


class Ave(Builder):
    """AVE: audio-visual events."""

    VERSION = Version("1.2.0")  # broken and silent files were read as if they were whole
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _features(files, pooled):
    arrays = {role: _Array(file, role) for role, file in files.items()}
    counts = {role: len(arrays[role]) for role in _SHAPES}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"expected as many videos in each file of {str(files['label'].parent)!r}. Received: "
            f"{counts}"
        )
    orders = {split: arrays[split].whole() for split in _SPLITS}
    for split, order in orders.items():
        if len(order) and not 0 <= order.min() <= order.max() < counts["label"]:
            raise ValueError(
                f"expected positions of {counts['label']} videos in {str(files[split])!r}. "
                f"Received: {order.min()} to {order.max()}"
            )
        if len(order) > counts["label"]:
            raise ValueError(
                f"expected each of {counts['label']} videos once in {str(files[split])!r}. "
                f"Received: {len(order)} positions"
            )

    def sample(video):
        features = {role: arrays[role][video] for role in ("audio", "vision")}
        label = arrays["label"][video]
        if pooled:
            features["vision"] = features["vision"].mean(axis=(1, 2))
            label = _event(label, video, files["label"])
        return Sample(
            id=str(video),
            features=features,
            label=label,
            place=f"{files['label'].parent}, video {video}",
        )

    shapes = {role: _SHAPES[role] for role in ("audio", "vision")}
    if pooled:
        shapes = {role: (None, shape[-1]) for role, shape in shapes.items()}
    return Source(
        config="pooled" if pooled else "h5",
        fields={role: Field(shape) for role, shape in shapes.items()},
        splits={
            split: (len(order), lambda i, order=order: sample(int(order[i])))
            for split, order in orders.items()
        },
        label_shape=() if pooled else _SHAPES["label"],
        label_range=(0, 27) if pooled else (0, 1),
        known_sizes=_SIZES,
        facts={"vision": "pooled" if pooled else "features"},
    )


def _event(label, video, file):
    """Return the event that most seconds of a video show."""
    seconds = label[:, :-1].sum(axis=0)
    if not seconds.any():
        raise ValueError(
            f"expected an event in every video of {str(file)!r}. Received: video {video}, which "
            "is background, the last class, all through"
        )
    return np.array(seconds.argmax())


def _frames(files, pairs, notes):
    events = {split: _read_list(file) for split, file in files.items()}
    classes = sorted({event for found in events.values() for event, *_ in found})
    centre, splits, absent = {}, {}, []
    for split, found in events.items():
        splits[split] = []
        for event, video, start, end in found:
            if video not in pairs:
                absent.append(video)
                continue
            # A video may be there with several events.
            name = f"{video} {start}-{end} {event}"
            centre[name] = (start + end) / 2 / _SECONDS
            splits[split].append((name, event, *pairs[video]))
    if absent:
        notes = [*notes, f"left out, {len(absent)} without wav or frames: {', '.join(absent)}."]
    listed = {video for found in events.values() for _, video, *_ in found}
    if others := sorted(pairs.keys() - listed):
        notes = [*notes, f"left out, {len(others)} that no list names: {', '.join(others)}."]
    return wav_and_frames.source(
        splits,
        classes,
        centre.__getitem__,
        config="frames",
        known_sizes=_SIZES,
        notes=[*notes, f"Classes: {', '.join(classes)}."],
        facts={"vision": "frames"},
    )


def _read_list(file):
    """Read lines of event&video&quality&start&end, in seconds."""
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip() or line.startswith("Category&"):
            continue
        try:
            event, video, _, start, end = line.strip().split("&")
            start, end = int(start), int(end)
            if not 0 <= start < end <= _SECONDS:
                raise ValueError(f"{start} to {end} s")
        except ValueError as error:
            raise ValueError(
                f"expected event&video&quality&start&end, in seconds from 0 to {_SECONDS}, in line "
                f"{number} of {str(file)!r}. Received: {shown(line)} ({shortened(str(error))})"
            ) from error
        found.append((event, video, start, end))
    return found


class _Array:
    """The one array of a file, read a video at a time."""

    def __init__(self, path, role):
        import h5py

        self._file = hdf5.open_hdf5(path)
        names = [name for name, x in self._file.items() if isinstance(x, h5py.Dataset)]
        wanted = _SHAPES.get(role, ())
        if len(names) == 1:
            self._array = hdf5.dataset(self._file, names[0])
        if len(names) != 1 or self._array.shape[1:] != wanted or not self._array.ndim:
            received = f"shape {self._array.shape}" if len(names) == 1 else f"{len(names)} arrays"
            raise ValueError(
                f"expected one array of numbers (videos, {', '.join(map(str, wanted))}) for "
                f"{role!r} in {str(path)!r}. Received: {received}"
            )

    def __len__(self):
        return len(self._array)

    def __getitem__(self, video):
        return hdf5.read_part(self._array, video)

    def whole(self):
        return hdf5.read_part(self._array, ()).astype(int)
