"""Kinetics-Sound: actions that can be heard and seen, from folders of wav and frames."""

import hashlib

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder, Version
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.formats import wav_and_frames
from kerasfuse.datasets.registry import register
from kerasfuse.kinds import check_names

# Appendix A.1 of the paper.
_CLASSES = (
    "blowing nose, bowling, chopping wood, ripping paper, shuffling cards, singing, tapping pen, "
    "typing, blowing out, dribbling ball, laughing, mowing the lawn by pushing lawnmower, "
    "shoveling snow, stomping, tap dancing, tapping guitar, tickling, fingerpicking, patting, "
    "playing accordion, playing bagpipes, playing bass guitar, playing clarinet, playing drums, "
    "playing guitar, playing harmonica, playing keyboard, playing organ, playing piano, playing "
    "saxophone, playing trombone, playing trumpet, playing violin, playing xylophone"
).split(", ")
_SPLITS = {
    "train": "train",
    **dict.fromkeys(("validation", "validate", "valid", "val"), "validation"),
    "test": "test",
}
_INSTRUCTIONS = (
    "Kinetics-400 (github.com/cvdfoundation/kinetics-dataset) has the videos. For each of them, "
    "below data_dir: SPLIT/CLASS/VIDEO.wav (or .flac), and a folder SPLIT/CLASS/VIDEO with its "
    "frames (.jpg or .png); SPLIT is train, validation (or val) or test."
)


@register(classes=_CLASSES)
def kinetics_sound(split, data_dir=None, *, classes=None, unreadable=None):
    """Load Kinetics-Sound (Arandjelovic and Zisserman, ICCV 2017): actions that are heard and seen.

    A sample is a pair of images: audio `(257, 625, 1)`, the logarithm of the magnitudes of
    512-sample windows every 353 samples of 10 s at 22.05 kHz (shorter sounds are repeated), and
    vision `(224, 224, 3)`, the middle frame, in 0 to 255. Splits are the folders of the files.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files, `SPLIT/CLASS/VIDEO.wav` and frames in folders
            `SPLIT/CLASS/VIDEO`, in one tree or in two; the environment variable KERASFUSE_DATA by
            default, then the manual folder of TensorFlow Datasets.
        classes: list of names of Kinetics' classes; a label is a position in it, and videos of
            other classes are left out. By default the 34 of the paper's appendix. Later papers have
            30, 31 or 32 of them, as Kinetics itself was changed and where videos are gone, and do
            not always say which: name theirs.
        unreadable: what to do at a video whose files cannot be used: `"stop"`, or `"skip"`, which
            leaves the video out and lists it in the report, with file and cause. By default
            `"skip"` from 1,000 videos on. Files that cannot be used are those that cannot be read
            or break off, and sound that is silent or shorter than a window. If more than 5 % of the
            videos are left out, or all of a split or class, it stops all the same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when no such files are found.
        ImportError: without soundfile or Pillow, of the extra `data`.
        ValueError: for files that are no sound or image, and for classes that are not there.

    Example:

    >>> train = kerasfuse.datasets.load("kinetics_sound", classes=["bowling", "tap dancing"])
    """
    if classes is not None:
        check_names("classes", classes)
    classes = _CLASSES if classes is None else [_plain(name) for name in classes]
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError(f"expected names of 2 classes or more. Received: classes={classes!r}")
    pairs, notes = source_files.pair(*wav_and_frames.find(source_files.folder(data_dir), _key))
    stored, _ = conversion.prepared(
        KineticsSound,
        wav_and_frames.files(pairs),
        lambda bars: _source(pairs, notes, classes),
        lambda facts: facts["facts"]["classes"] == classes,
        data_dir=data_dir,
        missing="pairs of wav and frames",
        own_files=True,
        unreadable=unreadable,
    )
    return Records(stored, split).arguments()


class KineticsSound(Builder):
    """Kinetics-Sound: actions that are heard and seen."""

    VERSION = Version("1.2.0")  # broken and silent files were read as if they were whole
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _key(path):
    """Give (split, class, video) of a path without suffix that ends so."""
    split, name, video = ("", "", "", *path.parts)[-3:]
    return (_SPLITS[split], _plain(name), video) if split in _SPLITS else None


def _plain(name):
    return str(name).replace("_", " ").strip().lower()


def _source(pairs, notes, classes):
    splits = {split: [] for split in dict.fromkeys(_SPLITS.values())}
    others = {}
    for (split, name, video), pair in pairs.items():
        if name in classes:
            splits[split].append((f"{name}/{video}", name, *pair))
        else:
            others[name] = others.get(name, 0) + 1
    found = {name for videos in splits.values() for _, name, *_ in videos}
    if absent := [name for name in classes if name not in found]:
        notes = [*notes, f"no videos of {len(absent)} classes: {', '.join(absent)}."]
    if others:
        counts = ", ".join(f"{count} of {name}" for name, count in others.items())
        notes = [*notes, f"left out, {sum(others.values())} videos of other classes: {counts}."]
    if not found:
        raise ValueError(
            f"expected videos of {', '.join(classes[:3])} or others of the {len(classes)} classes. "
            f"Received: none; {notes[-1]}"
        )
    digest = hashlib.sha256(",".join(classes).encode()).hexdigest()
    return wav_and_frames.source(
        {split: videos for split, videos in splits.items() if videos},
        classes,
        config=f"{len(classes)}_classes_{digest[:8]}",
        notes=notes,
        facts={"classes": classes},
    )
