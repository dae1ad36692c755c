"""AVE: events that are heard and seen, second by second, from the official .h5 files."""

from kerasfuse.datasets import conversion, source_files
from kerasfuse.datasets.builder import Builder
from kerasfuse.datasets.records import Records
from kerasfuse.datasets.registry import register
from kerasfuse.datasets.source import Field, Sample, Source

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
_INSTRUCTIONS = (
    "The features of the authors hold them (github.com/YapengTian/AVE-ECCV18): "
    f"{', '.join(_FILES.values())}."
)


@register
def ave(split, data_dir=None, *, strict=False):
    """Load AVE (Tian et al., ECCV 2018): 28 audio-visual events in 4143 videos of ten seconds.

    Audio is `(10, 128)`, VGGish features of each second, and vision `(10, 7, 7, 512)`, feature maps
    of VGG-19. A label is `(10, 29)`: for each second one-hot the event, or the background where it
    is not both heard and seen. 3339 videos are for training, 402 for validation, 402 for testing.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the `.h5` files; the environment variable KERASFUSE_DATA by
            default, then the manual folder of TensorFlow Datasets.
        strict: refuse split sizes other than those above.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when a file is not found; it tells which.
        ValueError: for files that hold something else.

    Example:

    >>> train = kerasfuse.datasets.load("ave", data_dir="data")
    """
    folder = source_files.folder(data_dir)
    files = {role: folder / name for role, name in _FILES.items()}
    missing = [file.name for file in files.values() if not file.is_file()]
    stored, _ = conversion.prepared(
        Ave,
        [] if missing else files.values(),
        lambda bars: _source(files),
        data_dir=data_dir,
        missing=", ".join(missing),
        strict=strict,
    )
    return Records(stored, split).arguments()


class Ave(Builder):
    """AVE: audio-visual events, second by second."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _source(files):
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

    def sample(video):
        return Sample(
            id=str(video),
            features={role: arrays[role][video] for role in ("audio", "vision")},
            label=arrays["label"][video],
            place=f"{files['label'].parent}, video {video}",
        )

    return Source(
        config="h5",
        fields={role: Field(_SHAPES[role]) for role in ("audio", "vision")},
        splits={
            split: (len(order), lambda i, order=order: sample(int(order[i])))
            for split, order in orders.items()
        },
        label_shape=_SHAPES["label"],
        label_range=(0, 1),
        known_sizes=_SIZES,
    )


class _Array:
    """The one array of a file, read a video at a time."""

    def __init__(self, path, role):
        import h5py

        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ValueError(
                f"expected an .h5 file. Received: {str(path)!r}, which is none or breaks off "
                f"({error}). Download it again."
            ) from error
        arrays = [x for x in self._file.values() if isinstance(x, h5py.Dataset)]
        wanted = _SHAPES.get(role, ())
        if len(arrays) != 1 or arrays[0].shape[1:] != wanted or arrays[0].dtype.kind not in "fiu":
            shown = ", ".join(f"{x.name[1:]} {x.shape}" for x in arrays)
            raise ValueError(
                f"expected one array of numbers (videos, {', '.join(map(str, wanted))}) for "
                f"{role!r} in {str(path)!r}. Received: {shown or 'none'}"
            )
        self._array = arrays[0]

    def __len__(self):
        return len(self._array)

    def __getitem__(self, video):
        return self._array[video]

    def whole(self):
        return self._array[()].astype(int)
