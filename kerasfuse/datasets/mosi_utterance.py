"""CMU-MOSI by utterance: the bc-LSTM features of each video, joined with the real-valued labels."""

import csv
import itertools
import sys

import numpy as np

from kerasfuse.datasets import conversion, source_files
from kerasfuse.datasets.builder import Builder
from kerasfuse.datasets.records import Records
from kerasfuse.datasets.registry import register
from kerasfuse.datasets.source import Field, Sample, Source

_WIDTHS = {"text": 100, "audio": 73, "vision": 100}
_FOLDERS = {"text": "text", "audio": "audio", "vision": "video"}
_TRANSCRIPTS = "mosi/bclstm/transcripts.csv"
_SENTENCES = tuple(f"mosi/standard/{part}.tsv" for part in ("train", "dev", "test"))
_FILES = (
    _TRANSCRIPTS,
    *(f"mosi/bclstm/text_{part}.csv" for part in ("train", "test")),
    *(
        f"mosi/bclstm/{folder}/{folder}_{part}0.csv"
        for folder in _FOLDERS.values()
        for part in ("train", "test")
    ),
    *_SENTENCES,
)
_VALIDATION_VIDEOS = 10
# An order of two sentences that are alike is clear from their neighbours; of ten it would not be.
_MOST_ALIKE = 6

_INSTRUCTIONS = f"""\
The folder must hold CMU-MOSI as distributed with bc-LSTM (github.com/soujanyaporia/contextual-\
multimodal-fusion, its dataset/mosi folder as mosi/bclstm) and the sentences with real-valued \
labels (github.com/thuiar/Cross-Modal-BERT, its train.tsv, dev.tsv and test.tsv in \
mosi/standard): {", ".join(_FILES)}."""


@register
def mosi_utterance(
    split,
    data_dir=None,
    *,
    context="preceding",
    context_length=None,
    target="last",
    label="value",
    standardize=True,
):
    """Make samples of one utterance of CMU-MOSI each, among the utterances of its video.

    A sample is three aligned sequences (text 100, audio 73, vision 100 features, one step an
    utterance) whose last step is the utterance to judge. The features are those of Poria et al.,
    "Context-Dependent Sentiment Analysis in User-Generated Videos", ACL 2017, and so are the 62
    videos for training (1447 utterances) and the 31 for testing (752). Validation is made of the
    10 training videos with the highest numbers (218 utterances); 1229 stay for training. No
    speaker is in two splits. The authors learnt the text and vision features with the labels of
    all 62 training videos, those for validation among them: ridge regression on the text of single
    utterances gets the sign of 99 % of the validation values right, on vision 90 %, and far less
    on the test videos. Validation scores are no estimate of test scores here, and they flatter
    what trusts text and vision.

    With `context="preceding"` the steps are the utterances up to the target, in time order, as one
    hears them. With `"video"` the utterances after the target come in addition, in front of the
    others: t+1, ..., n, 1, ..., t. This is the order of time around a circle, so that the target
    is last, its predecessor is next to it, its successor is the first step, and each distance in
    time can be told from a position, which it could not with the rest of the video in plain order
    before the target. An utterance whose features are all zero is a missing frame.

    Labels are the mean of the annotators on [-3, 3], or the 0/1 of the files, which is 1 where
    that mean is not negative. The real value of an utterance is found by its sentence. Four
    sentences occur twice each in pairs; of the two orders possible the one is taken that agrees
    better with the neighbours in the files.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with `mosi/bclstm` and `mosi/standard`; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        context: `"preceding"` or `"video"`.
        context_length: the most utterances beside the target, the nearest in time being kept;
            by default 20 for `"preceding"` and all for `"video"`.
        target: where the utterance to judge stands: `"last"`, or `"first"` for models that read the
            first step; the whole sequence is then turned around.
        label: `"value"` (real-valued) or `"class"` (0 negative, 1 not negative).
        standardize: centre and scale each feature by its mean and standard deviation over the 52
            training videos. Features that are constant there become 0.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the files are not found; it tells which and where.
        ValueError: for files that do not fit together, and for unknown options.

    Example:

    >>> train = kerasfuse.datasets.load("mosi_utterance", split="train", context="video")
    """
    if context not in ("preceding", "video"):
        raise ValueError(f'expected context="preceding" or "video". Received: context={context!r}')
    if target not in ("last", "first"):
        raise ValueError(f'expected target="last" or "first". Received: target={target!r}')
    if label not in ("value", "class"):
        raise ValueError(f'expected label="value" or "class". Received: label={label!r}')
    if context_length is None:
        context_length = 20 if context == "preceding" else sys.maxsize
    if not isinstance(context_length, int) or context_length < 0:
        raise ValueError(
            f"expected context_length to be a non-negative integer or None. "
            f"Received: context_length={context_length!r}"
        )
    folder = source_files.folder(data_dir)
    missing = [file for file in _FILES if not (folder / file).is_file()]
    stored, _ = conversion.prepared(
        MosiUtterance,
        [] if missing else [folder / file for file in _FILES],
        lambda bars: _source(folder),
        data_dir=data_dir,
        missing=", ".join(missing[:3]) + (" and others" if len(missing) > 3 else ""),
    )
    utterances = _read(stored, split)
    if standardize:
        _standardize(utterances, utterances if split == "train" else _read(stored, "train"))
    steps = _steps(utterances["video"], context, context_length)
    if target == "first":
        steps = [rows[::-1] for rows in steps]
    return {
        "inputs": {name: [utterances[name][rows] for rows in steps] for name in _WIDTHS},
        "labels": utterances[label],
        "label_range": (-3, 3) if label == "value" else (0, 1),
        "ids": utterances["id"],
    }


class MosiUtterance(Builder):
    """CMU-MOSI by utterance: bc-LSTM features and real-valued sentiment."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _source(folder):
    """Give the utterances one by one, by video and time."""
    transcripts = _read_transcripts(folder)
    values = _join_values(transcripts, [_read_sentences(folder / file) for file in _SENTENCES])
    train = _read_part(folder, "train", transcripts, values)
    numbers = {row["video"]: row["number"] for row in train}
    if len(numbers) <= _VALIDATION_VIDEOS:
        raise ValueError(
            f"expected more than {_VALIDATION_VIDEOS} training videos, as that many are taken "
            f"for validation. Received: {len(numbers)} in {folder / 'mosi/bclstm'}"
        )
    held_out = set(sorted(numbers, key=numbers.get)[-_VALIDATION_VIDEOS:])
    splits = {
        "train": [row for row in train if row["video"] not in held_out],
        "validation": [row for row in train if row["video"] in held_out],
        "test": _read_part(folder, "test", transcripts, values),
    }
    for rows in splits.values():
        rows.sort(key=lambda row: (row["video"], row["index"]))
    return Source(
        config="bclstm",
        fields={name: Field((width,)) for name, width in _WIDTHS.items()},
        splits={
            split: (len(rows), lambda i, rows=rows: _sample(folder, rows[i]))
            for split, rows in splits.items()
        },
        label_shape=(2,),  # value, class
        label_range=(-3, 3),
    )


def _sample(folder, row):
    return Sample(
        id=row["id"],
        features={name: row[name] for name in _WIDTHS},
        label=np.array([row["value"], row["class"]]),
        place=f"{folder / _TRANSCRIPTS}, {row['id']}",
    )


def _read(stored, split):
    """Read the records of a split into a dict of arrays, sorted by video and time."""
    records = Records(stored, split)
    columns = {
        name: np.stack(rows) for name, rows in records.read(range(records.num_samples)).items()
    }
    columns["id"] = records.ids
    columns["video"] = [name.rpartition("_")[0] for name in records.ids]
    columns["value"], columns["class"] = records.labels.T
    return columns


def _standardize(utterances, train):
    moments = {}
    for name in _WIDTHS:
        seen = train[name][train[name].any(axis=1)].astype("float64")
        constant = seen.max(axis=0) == seen.min(axis=0)
        moments[name] = seen.mean(axis=0), np.where(constant, np.inf, seen.std(axis=0))
    for name, (mean, deviation) in moments.items():
        missing = ~utterances[name].any(axis=1, keepdims=True)
        scaled = np.where(missing, 0, (utterances[name] - mean) / deviation)
        utterances[name] = scaled.astype("float32")


def _steps(videos, context, context_length):
    """Give for each utterance the rows of its sequence, its own row last.

    Rows are sorted by video and time, so that a video is a range of rows.
    """
    steps = []
    for _, group in itertools.groupby(range(len(videos)), key=videos.__getitem__):
        rows = list(group)
        for place, target in enumerate(rows):
            before = rows[:place]
            after = rows[place + 1 :] if context == "video" else []
            # Of two utterances equally near, the one that was heard already comes first.
            nearest = sorted(before + after, key=lambda row: (abs(row - target), row))
            kept = set(nearest[:context_length])
            steps.append([row for row in [*after, *before] if row in kept] + [target])
    return steps


def _read_transcripts(folder):
    """Read `"{video}_{index}", words, video number, 0/1` into a list of dicts."""
    with open(folder / _TRANSCRIPTS, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    transcripts = []
    for line, row in enumerate(rows, 1):
        try:
            name, words, number, label = row
            video, index = name.rsplit("_", 1)
            transcripts.append(
                {
                    "id": name,
                    "words": " ".join(words.split()),
                    "video": video,
                    "index": int(index),
                    "number": int(number),
                    "class": int(label),
                }
            )
        except ValueError as error:
            raise ValueError(
                f"expected 'video_index', words, video number, 0/1 in line {line} of "
                f"{folder / _TRANSCRIPTS}. Received: {row}"
            ) from error
    return transcripts


def _read_sentences(path):
    """Read a tsv of sentences and values into a list of (words, value)."""
    sentences = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        words, _, value = line.rpartition("\t")
        try:
            sentences.append((" ".join(words.split()), float(value)))
        except ValueError as error:
            raise ValueError(
                f"expected a sentence, a tab and a number in line {number} of {path}. "
                f"Received: {line!r}"
            ) from error
    return sentences


def _join_values(transcripts, files):
    """Find the real value of each transcript row by its words."""
    rows_of = {}
    for row, transcript in enumerate(transcripts):
        rows_of.setdefault(transcript["words"], []).append(row)
    places_of = {}
    for number, sentences in enumerate(files):
        for line, (words, _) in enumerate(sentences):
            places_of.setdefault(words, []).append((number, line))

    values = np.full(len(transcripts), np.nan)
    for words, rows in rows_of.items():
        places = places_of.get(words, [])
        if len(places) != len(rows) or len(rows) > _MOST_ALIKE:
            raise ValueError(
                f"expected each sentence as often in {', '.join(_SENTENCES)} as in "
                f"{_TRANSCRIPTS}, and at most {_MOST_ALIKE} times. Received: {words!r} "
                f"{len(places)} and {len(rows)} times"
            )
        # Neighbours in the tsv files are mostly neighbours in the video.
        cost = np.array(
            [[_strangeness(row, p, transcripts, files, rows_of) for p in places] for row in rows]
        )
        best = min(
            itertools.permutations(range(len(rows))),
            key=lambda order: sum(cost[i, j] for i, j in enumerate(order)),
        )
        for row, j in zip(rows, best, strict=True):
            number, line = places[j]
            values[row] = files[number][line][1]
    return values


def _strangeness(row, place, transcripts, files, rows_of):
    """How far in its video the row is from what stands beside this place of a tsv file."""
    number, line = place
    here = transcripts[row]
    total = 0
    for beside in (line - 1, line + 1):
        if not 0 <= beside < len(files[number]):
            continue
        others = [transcripts[i] for i in rows_of.get(files[number][beside][0], []) if i != row]
        total += min(
            (abs(o["index"] - here["index"]) for o in others if o["video"] == here["video"]),
            default=len(transcripts),
        )
    return total


def _read_part(folder, part, transcripts, values):
    """Read the utterances of `train` or `test` in the order of the files."""
    index_file = folder / f"mosi/bclstm/text_{part}.csv"
    rows = _read_numbers(index_file, usecols=0)[:, 0].astype(int)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(transcripts):
        raise ValueError(
            f"expected rows of transcripts.csv in the first column of {index_file}. Received: "
            f"{rows.min()} to {rows.max()} where there are {len(transcripts)}"
        )
    labels = np.array([transcripts[row]["class"] for row in rows])
    features = {}
    for name, width in _WIDTHS.items():
        path = folder / f"mosi/bclstm/{_FOLDERS[name]}/{_FOLDERS[name]}_{part}0.csv"
        table = _read_numbers(path)
        if table.shape != (len(rows), width + 1):
            raise ValueError(
                f"expected {len(rows)} rows of {width} features and a label in {path}. Received: "
                f"{table.shape[0]} rows of {table.shape[1]} numbers"
            )
        if not np.array_equal(table[:, -1], labels):
            raise ValueError(
                f"expected the labels of transcripts.csv in the last column of {path}. Received: "
                f"{np.sum(table[:, -1] != labels)} others"
            )
        features[name] = table[:, :-1].astype("float32")
    return [
        {
            **{key: transcripts[row][key] for key in ("id", "video", "index", "number", "class")},
            **{name: table[i] for name, table in features.items()},
            "value": np.float32(values[row]),
        }
        for i, row in enumerate(rows)
    ]


def _read_numbers(path, usecols=None):
    try:
        table = np.loadtxt(path, delimiter=",", quotechar='"', ndmin=2, usecols=usecols)
    except ValueError as error:
        raise ValueError(f"expected a table of numbers in {path}. Received: {error}") from error
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0] + 1
        raise ValueError(
            f"expected finite numbers in {path}. Received: {np.sum(~np.isfinite(table))} that are "
            f"not, the first in line {row}, column {column}"
        )
    return table
