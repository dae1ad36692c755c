"""The .csd files of the CMU multimodal SDK: sequences of whole videos with the times of steps."""

import ast
import functools
import json

import numpy as np

from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats import hdf5
from kerasfuse.datasets.formats.csd_words import TimedWords
from kerasfuse.datasets.formats.text_files import read_text
from kerasfuse.shown import shortened, shown
from kerasfuse.text.spoken_words import PAUSE

# What the names of the files and of the sequences in them say, in order of precedence.
_ROLES = {
    "label": ("label",),
    "text": ("wordvector", "glove"),
    "audio": ("covarep", "opensmile", "acoustic"),
    "vision": ("facet", "openface", "visual"),
}
# Of CMU-MOSEI: strengths of six emotions, in a file of their own or behind the sentiment, and how
# the names of their columns begin.
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
_STEMS = ("happ", "sad", "ang", "surpris", "disgust", "fear")
_SENTIMENT = ("sentiment", "opinion")
# What parsers raise, the last two for brackets that nest without end.
_NO_LISTS = (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError)
_LONGEST_NAMES = 100_000
# How often the seconds of a video may be in its segments; in the files that circulate, once.
_MOST_OVERLAP = 10
_FOLDS = {
    "standard_train_fold": "train",
    "standard_valid_fold": "validation",
    "standard_test_fold": "test",
}


def read(files, split_of, label_range, known_sizes, emotions=False):
    """Cut the sequences of videos into labelled segments.

    A step belongs to a segment when its middle lies in it; so no step is in two segments. A video
    that a sequence does not have, and a segment without a step of it, lack the modality.

    Args:
        files: paths of the .csd files: labels, word vectors, audio and vision, one each; words
            beside them become texts. Which is which is told by their names.
        split_of: function of a list of videos that gives a dict of video to split.
        label_range: `(lowest, highest)` label. Of several columns of labels the first is sentiment,
            unless the file names another; a file of emotions alone is refused.
        known_sizes: dict of split to number of samples, or `None`.
        emotions: whether the labels are the strengths of `EMOTIONS` in place of sentiment.

    Returns:
        `Source`.

    Raises:
        ValueError: for files that are not there, or not what their name says.
    """
    sequences, notes = _by_role(files, emotions)
    labels = sequences.pop("label")
    columns = _emotion_columns(labels) if emotions else _sentiment_column(labels)
    words = TimedWords(sequences.pop("words")) if "words" in sequences else None
    notes += words.notes() if words else []
    segments = {"train": [], "validation": [], "test": []}
    splits = split_of(sorted({_video(key) for key in labels.keys()}))
    unknown = []
    for key in labels.keys():
        values, times = labels.read(key)
        split = splits.get(_video(key))
        names = [key] if "[" in key else [f"{key}[{i}]" for i in range(len(times))]
        if len(names) != len(times):
            raise ValueError(
                f"expected one label of the segment {shown(key)} in {str(labels.path)!r}. "
                f"Received: {len(times)}. Name the video without the brackets, or split them."
            )
        _check_overlap(times, key, labels.path)
        if split is None:
            unknown += names
            continue
        for name, value, time in zip(names, values, times, strict=True):
            segments[split].append((name, key, value[columns], time))
    if unknown and not all(segments.values()):
        empty = ", ".join(split for split, some in segments.items() if not some)
        raise ValueError(
            f"expected videos of every split in {str(labels.path)!r}. Received: none of {empty}. "
            f"The lists of splits have videos such as {_some(splits)}, the file "
            f"such as {_some(unknown)}. Use lists and files with the same names of videos."
        )
    if unknown:
        notes.append(
            f"left out, {len(unknown)} segments of videos in no split: {shown(unknown[:5])}."
        )

    def sample(found):
        name, key, value, (start, end) = found
        inside = functools.partial(_inside, key=key, start=start, end=end)
        said = inside(words)[0] if words else None
        told = "" if said is None else " ".join(word for word in said if word != PAUSE)
        return Sample(
            id=name,
            features={n: inside(sequence)[0] for n, sequence in sequences.items()},
            label=value,
            place=f"{labels.path}, {name} ({start:.2f} to {end:.2f} s)",
            texts={"words": told} if words else {},
        )

    return Source(
        config="csd_emotions" if emotions else "csd",
        fields={name: Field((None, sequence.width)) for name, sequence in sequences.items()},
        splits={
            split: (len(found), lambda i, found=found: sample(found[i]))
            for split, found in segments.items()
        },
        label_shape=(len(EMOTIONS),) if emotions else (),
        label_range=label_range,
        known_sizes=known_sizes,
        texts=("words",) if words else (),
        notes=notes,
        facts={"aligned": False, "labels": ["label"], "steps": {}, "emotions": emotions},
    )


class Sequence:
    """One computational sequence: features and intervals of each video.

    Args:
        path: a .csd file.

    Attributes:
        name: what the file calls the sequence.
        width: features a step.
        is_text: whether the features are words.
        dimensions: names of the features, empty where the file does not say them.
    """

    def __init__(self, path):
        import h5py

        self.path = path
        self._file = hdf5.open_hdf5(path)
        roots = [
            name
            for name, group in self._file.items()
            if isinstance(group, h5py.Group) and isinstance(group.get("data"), h5py.Group)
        ]
        if len(roots) != 1 or not len(self._file[roots[0]]["data"]):
            raise ValueError(
                "expected one sequence with the videos in its group 'data'. Received: "
                f"{str(path)!r} with {shortened(', '.join(map(shown, self._file))) or 'nothing'}"
            )
        self.name = roots[0]
        self._data = self._file[self.name]["data"]
        key = next(iter(self._data))
        first = self.read(key)[0]
        self.width, self.is_text = first.shape[1], first.dtype.kind in "SUO"
        if not self.width:
            raise ValueError(
                f"expected features of video {shown(key)} in {str(path)!r}. Received: shape "
                f"{first.shape}. Extract the features again."
            )
        self.dimensions = _names_in(self._file[self.name])
        # Segments of a video follow each other.
        self.read = functools.lru_cache(maxsize=2)(self.read)

    def keys(self):
        """Names of the videos, or of their segments where the file is cut already."""
        return list(self._data)

    def __contains__(self, key):
        return key in self._data

    def read(self, key):
        """Give the features `(steps, width)` of a video and their start and end in seconds."""
        group = self._data[key]
        # A dataset has no names to look for.
        names = list(group) if hasattr(group, "keys") else []
        if not {"features", "intervals"} <= set(names):
            raise ValueError(
                f"expected features and intervals of {shown(key)} in {str(self.path)!r}. Received: "
                f"{shortened(', '.join(map(shown, names))) or 'neither'}"
            )
        features = hdf5.read(group, "features", hdf5.NUMBERS + hdf5.TEXTS)
        times = hdf5.read(group, "intervals")
        wrong_width = hasattr(self, "width") and features.shape[1:] != (self.width,)
        if features.ndim != 2 or times.shape != (len(features), 2) or wrong_width:
            wanted = f"(steps, {self.width})" if hasattr(self, "width") else "(steps, width)"
            raise ValueError(
                f"expected features {wanted} and intervals (steps, 2) of video {shown(key)} in "
                f"{str(self.path)!r}. Received: features {features.shape}, intervals "
                f"{times.shape}. Extract this video again, or delete it from the file."
            )
        return features, times


def folds_of(files, videos):
    """Give the split of each video, from a list that lies beside the files.

    The list is `folds.json`, a dict of split to videos, or the SDK's own `*_std_folds.py`, which is
    parsed and never run.

    Raises:
        FileNotFoundError: when there is no such list.
        ValueError: when it cannot be read.
    """
    folder = files[0].parent
    found = sorted([*folder.glob("folds.json"), *folder.glob("*_std_folds.py")])
    if not found:
        raise FileNotFoundError(
            f"expected the videos of each split in folds.json, or in the SDK's own "
            f"cmu_mosei_std_folds.py, beside the .csd files. Received: {str(folder)!r} with neither"
        )
    text = read_text(found[0])
    try:
        if found[0].suffix == ".json":
            lists = json.loads(text)
        else:
            lists = {
                _FOLDS[statement.targets[0].id]: ast.literal_eval(statement.value)
                for statement in ast.parse(text).body
                if isinstance(statement, ast.Assign)
                and getattr(statement.targets[0], "id", None) in _FOLDS
            }
        if not all(type(v) is str for videos in lists.values() for v in videos):
            raise TypeError("names that are no texts")
        split_of = {video: split for split, videos in lists.items() for video in videos}
    except _NO_LISTS as error:
        raise ValueError(
            f"expected lists of videos. Received: {str(found[0])!r} ({shortened(str(error))}). "
            "Write a dict of train, validation and test to names of videos."
        ) from error
    if set(lists) != set(_FOLDS.values()):
        raise ValueError(
            f"expected train, validation and test. Received: {str(found[0])!r} with "
            f"{shortened(', '.join(map(shown, lists)))}"
        )
    return split_of


def _names_in(group):
    """Read the names of features, which the SDK writes as one string of JSON or of Python."""
    try:
        (text,) = hdf5.read(group["metadata"], "dimension names", hdf5.TEXTS).ravel()
        names = ast.literal_eval(text.decode()) if len(text) <= _LONGEST_NAMES else None
        return tuple(str(name).lower() for name in names) if isinstance(names, list) else ()
    # None at all, or in another form.
    except (*_NO_LISTS, KeyError):
        return ()


def _by_role(files, emotions):
    found, notes, others = {}, [], []
    wanted = ("emotions", "all") if emotions else ("sentiment", "all")
    for path in files:
        sequence = Sequence(path)
        told = f"{path.stem} {sequence.name}".lower()
        role = next((r for r, words in _ROLES.items() if any(w in told for w in words)), None)
        role = "words" if sequence.is_text and role != "label" else role
        if role is None:
            notes.append(f"not used: {path.name}, whose name tells no modality.")
        elif role == "label" and (kind := _label_kind(sequence)) not in wanted:
            others.append(sequence)
            notes.append(f"not used: {path.name}, whose labels are {kind}.")
        elif role in found:
            raise ValueError(
                f"expected one file of {role}. Received: {found[role].path} and {path}. Leave the "
                "one that is meant."
            )
        else:
            found[role] = sequence
    if others and "label" not in found:
        _refuse_labels(others[-1], emotions)
    missing = [role for role in _ROLES if role not in found]
    if missing:
        raise ValueError(
            "expected .csd files of labels, word vectors, audio and vision. Received: "
            f"{', '.join(str(path) for path in files)}; missing: {', '.join(missing)}"
        )
    if found["label"].is_text:
        raise ValueError(f"expected labels that are numbers. Received: {found['label'].path}")
    # The order that models of the field use.
    order = ("label", "words", "text", "audio", "vision")
    return {role: found[role] for role in order if role in found}, notes


def _refuse_labels(sequence, emotions):
    count = "1 column" if sequence.width == 1 else f"{sequence.width} columns"
    received = f"{str(sequence.path)!r}, whose sequence {shown(sequence.name)} has {count}"
    if emotions:
        raise ValueError(
            "expected the strengths of six emotions, such as CMU_MOSEI_LabelsEmotions.csd. "
            f"Received: {received}, sentiment. Put the file of the emotions beside the features."
        )
    raise ValueError(
        "expected opinion or sentiment labels, such as CMU_MOSEI_LabelsSentiment.csd. "
        f"Received: {received}, the strengths of emotions. Put the file of the sentiment labels "
        'beside the features. For the emotions of mosei say label="emotions".'
    )


def _label_kind(sequence):
    """Tell what the columns of labels are: `sentiment`, `emotions`, or `all`, sentiment first."""
    names = (sequence.name.lower(), sequence.path.stem.lower())
    for name in names:  # what is in the file says more than what it is called
        if any(word in name for word in _SENTIMENT):
            return "sentiment"
        if "emotion" in name:
            return "emotions"
    by_width = {len(EMOTIONS): "emotions", 1 + len(EMOTIONS): "all"}
    return by_width.get(sequence.width, "sentiment")


def _sentiment_column(sequence):
    """Give the column of sentiment: the one that the file calls so, else the first."""
    named = [i for i, name in enumerate(sequence.dimensions) if name.startswith("sentiment")]
    return named[0] if len(named) == 1 and len(sequence.dimensions) == sequence.width else 0


def _emotion_columns(sequence):
    """Give the columns of `EMOTIONS`: where the file names them, else as the SDK documents them."""
    named = [
        [i for i, name in enumerate(sequence.dimensions) if name.startswith(stem)]
        for stem in _STEMS
    ]
    if len(sequence.dimensions) == sequence.width and all(len(found) == 1 for found in named):
        return [found[0] for found in named]
    if sequence.width == len(EMOTIONS):
        return list(range(len(EMOTIONS)))
    if _label_kind(sequence) == "all":
        return list(range(1, 1 + len(EMOTIONS)))
    raise ValueError(
        f"expected six columns, the strengths of {', '.join(EMOTIONS)}, or seven, sentiment before "
        f"them. Received: {str(sequence.path)!r}, whose sequence {shown(sequence.name)} has "
        f"{sequence.width} columns. Download the file again."
    )


def _check_overlap(times, key, path):
    """Refuse segments that lie over each other: each would take the steps of all others along."""
    starts, ends = times[~np.isnan(times).any(axis=1)].T
    if not len(starts):
        return
    with np.errstate(invalid="ignore"):  # infinite ends
        seconds = (ends - starts).clip(min=0).sum()
        fits = seconds <= _MOST_OVERLAP * (ends.max() - starts.min()) and np.isfinite(seconds)
    if not fits and seconds:
        raise ValueError(
            f"expected segments that follow each other in video {shown(key)} of {str(path)!r}. "
            f"Received: {len(starts):,} segments of {seconds:,.0f} s together, from "
            f"{starts.min():g} to {ends.max():g} s"
        )


def _inside(sequence, key, start, end):
    """Give the features and times of the steps whose middle lies in a segment, or `None`s."""
    key = key if key in sequence else _video(key)
    if key not in sequence:
        return None, None
    features, times = sequence.read(key)
    middle = times.mean(axis=1)
    steps = (middle >= start) & (middle < end)
    return (features[steps], times[steps]) if steps.any() else (None, None)


def _some(names):
    return ", ".join(shown(name) for name in list(names)[:3]) or "none"


def _video(key):
    return key.partition("[")[0]
