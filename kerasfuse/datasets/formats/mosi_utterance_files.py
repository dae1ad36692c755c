"""The files of CMU-MOSI as distributed with bc-LSTM, utterances and their real values joined."""

import itertools

import numpy as np

from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats.text_files import read_rows, read_text
from kerasfuse.shown import shortened, shown

WIDTHS = {"text": 100, "audio": 73, "vision": 100}
_FOLDERS = {"text": "text", "audio": "audio", "vision": "video"}
_TRANSCRIPTS = "mosi/bclstm/transcripts.csv"
_SENTENCES = tuple(f"mosi/standard/{part}.tsv" for part in ("train", "dev", "test"))
FILES = (
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


def source(folder):
    """Give the utterances one by one, by video and time."""
    transcripts = _read_transcripts(folder / _TRANSCRIPTS)
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
        fields={name: Field((width,)) for name, width in WIDTHS.items()},
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
        features={name: row[name] for name in WIDTHS},
        label=np.array([row["value"], row["class"]]),
        place=f"{folder / _TRANSCRIPTS}, {row['id']}",
    )


def read_audio(transcripts, rows_of_parts, audio_of_parts):
    """Give the transcript and the audio of each utterance.

    Args:
        transcripts: path of `transcripts.csv`.
        rows_of_parts: paths of the files whose first column is the row of an utterance there.
        audio_of_parts: paths of the files of audio, in the same order.

    Yields:
        `(transcript, audio)`: a dict of `id`, `words`, `video`, `index`, and float32 `(73,)`.
    """
    found = _read_transcripts(transcripts)
    for rows_of, audio_of in zip(rows_of_parts, audio_of_parts, strict=True):
        rows = _read_rows(rows_of, found)
        table = _read_table(audio_of, rows, WIDTHS["audio"])
        for row, audio in zip(rows, table, strict=True):
            yield found[row], audio[:-1].astype("float32")


def _read_transcripts(path):
    """Read `"{video}_{index}", words, video number, 0/1` into a list of dicts."""
    rows = read_rows(path)
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
                f"{path}. Received: {shown(row)}"
            ) from error
    return transcripts


def _read_sentences(path):
    """Read a tsv of sentences and values into a list of (words, value)."""
    sentences = []
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        words, _, value = line.rpartition("\t")
        try:
            sentences.append((" ".join(words.split()), float(value)))
        except ValueError as error:
            raise ValueError(
                f"expected a sentence, a tab and a number in line {number} of {path}. "
                f"Received: {shown(line)}"
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
                f"{_TRANSCRIPTS}, and at most {_MOST_ALIKE} times. Received: {shown(words)} "
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
    rows = _read_rows(folder / f"mosi/bclstm/text_{part}.csv", transcripts)
    labels = np.array([transcripts[row]["class"] for row in rows])
    features = {}
    for name, width in WIDTHS.items():
        path = folder / f"mosi/bclstm/{_FOLDERS[name]}/{_FOLDERS[name]}_{part}0.csv"
        table = _read_table(path, rows, width)
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


def _read_rows(path, transcripts):
    rows = _read_numbers(path, usecols=0)[:, 0].astype(int)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(transcripts):
        raise ValueError(
            f"expected rows of transcripts.csv in the first column of {path}. Received: "
            f"{rows.min()} to {rows.max()} where there are {len(transcripts)}"
        )
    return rows


def _read_table(path, rows, width):
    table = _read_numbers(path)
    if table.shape != (len(rows), width + 1):
        raise ValueError(
            f"expected {len(rows)} rows of {width} features and a label in {path}. Received: "
            f"{table.shape[0]} rows of {table.shape[1]} numbers"
        )
    return table


def _read_numbers(path, usecols=None):
    try:
        table = np.loadtxt(path, delimiter=",", quotechar='"', ndmin=2, usecols=usecols)
    except ValueError as error:
        raise ValueError(
            f"expected a table of numbers in {path}. Received: {shortened(str(error))}"
        ) from error
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0] + 1
        raise ValueError(
            f"expected finite numbers in {path}. Received: {np.sum(~np.isfinite(table))} that are "
            f"not, the first in line {row}, column {column}"
        )
    return table
