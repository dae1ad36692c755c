"""CMU-MOSI word by word: the words of each labelled segment, their times, and utterance audio."""

import collections
import pathlib

import numpy as np
from scipy import optimize

from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats import csd
from kerasfuse.datasets.formats.csd_words import TimedWords
from kerasfuse.datasets.formats.mosi_utterance_files import read_audio
from kerasfuse.shown import shown
from kerasfuse.text.spoken_words import PAUSE, UNKNOWN, SpokenWords
from kerasfuse.text.word_timing import TIMING

AUDIO_WIDTH = 73
# Share of words in common from which a transcript is that of a segment, and what the same place in
# the order counts beside it.
_ALIKE = 0.3
_ORDER = 0.01
KNOWN_SIZES = {"train": 1284, "validation": 229, "test": 686}
# Below the folder: what utterance i of a video said, and 73 numbers of how it sounded.
AUDIO = (
    "bclstm/transcripts.csv",
    *(f"bclstm/text_{part}.csv" for part in ("train", "test")),
    *(f"bclstm/audio/audio_{part}0.csv" for part in ("train", "test")),
)


def find(folder):
    """Look for the two files of sequences below a folder, and for the utterance audio.

    Args:
        folder: `pathlib.Path` of the folder, or of one that holds it as `mosi`.

    Returns:
        `(words, labels, audio)`: paths of .csd files, or `None` where there is none, and the list
        of the files of bc-LSTM's audio, empty where they are not all there.

    Raises:
        ValueError: where there are several of one kind.
    """
    roots = [root for root in (folder / "mosi", folder) if root.is_dir()][:1]
    # No deeper: the folder may be anybody's home.
    files = sorted(
        file for root in roots for place in ("*.csd", "*/*.csd") for file in root.glob(place)
    )
    kinds = {"words": [], "labels": []}
    for file in files:
        name = file.name.lower()
        if "label" in name:
            kinds["labels"].append(file)
        elif "words" in name:
            kinds["words"].append(file)
    for kind, some in kinds.items():
        if len(some) > 1:
            raise ValueError(
                f"expected one .csd file of {kind}. Received: {', '.join(map(str, some))}. Leave "
                "the one that is meant."
            )
    words, labels = (some[0] if some else None for some in kinds.values())
    audio = [root / name for root in roots for name in AUDIO]
    return words, labels, audio if all(map(pathlib.Path.is_file, audio)) else []


def source(words, labels, audio, split_of, encoder, config, as_ids=False):
    """Give the segments one by one, by video and time.

    Args:
        words, labels: paths of the .csd files.
        audio: list of the files of bc-LSTM's audio, or an empty one.
        split_of: function of a list of videos that gives a dict of video to split.
        encoder: `kerasfuse.text.TextEncoder`.
        config: name of the packaging.
        as_ids: whether text is the ids of pieces of words, between the special tokens, in place of
            a vector a word. A piece then has the timing of its word.

    Returns:
        `Source`.

    Raises:
        ValueError: for files that are not what their name says, or do not fit together.
    """
    sequence, opinions = csd.Sequence(words), csd.Sequence(labels)
    if not sequence.is_text or opinions.is_text:
        wrong, wanted = (words, "words") if not sequence.is_text else (labels, "numbers")
        raise ValueError(f"expected a sequence of {wanted}. Received: {str(wrong)!r} of others.")
    timed = TimedWords(sequence)
    _check_videos(timed, opinions, words, labels)
    segments, notes = _segments(timed, opinions)
    sounds, about_sounds = _sounds(audio, segments)
    said = [segment["words"] for segment in segments]
    if as_ids:
        texts = encoder.ids(said)
        for segment, word in zip(segments, encoder.offsets(said), strict=True):
            # The special tokens at both ends take no time.
            segment["timing"] = np.pad(segment["timing"][word], ((1, 1), (0, 0)))
    else:
        texts = encoder.words(said)
    splits = split_of(sorted({segment["video"] for segment in segments}))
    rows = {split: [] for split in KNOWN_SIZES}
    for segment, text, sound in zip(segments, texts, sounds, strict=True):
        rows[splits[segment["video"]]].append(segment | {"text": text, "audio": sound})
    return Source(
        config=config,
        fields={
            "text": Field((None,), "int32") if as_ids else Field((None, encoder.width)),
            "timing": Field((None, len(TIMING))),
            "audio": Field((None, AUDIO_WIDTH)),
        },
        splits={
            split: (len(some), lambda i, some=some: _sample(some[i], labels))
            for split, some in rows.items()
        },
        label_range=(-3, 3),
        known_sizes=KNOWN_SIZES,
        texts=("words",),
        aligned=("text", "timing"),
        notes=[*timed.notes(), *notes, *about_sounds],
    )


def _sample(row, labels):
    return Sample(
        id=row["id"],
        # A segment without words has neither their vectors nor their times.
        features={
            "text": row["text"] if row["words"] else None,
            "timing": row["timing"] if row["words"] else None,
            "audio": row["audio"],
        },
        label=row["value"],
        place=f"{labels}, {row['id']} ({row['start']:.2f} to {row['end']:.2f} s)",
        texts={"words": " ".join(row["words"])},
    )


def _segments(timed, opinions):
    """List a dict for each labelled segment, and count what was done with words.

    A word belongs to the segment in which its middle lies.
    """
    segments, silent, counts = [], [], collections.Counter()
    for video in opinions.keys():
        values, bounds = opinions.read(video)
        spoken = SpokenWords.of(*(timed.read(video) if video in timed else ([], [])))
        words, times = spoken.words, spoken.times
        counts.update(spoken.left_out)
        if not words:
            silent.append(video)
        start, end, middle = bounds[:, 0], bounds[:, 1], times.mean(axis=1)[:, None]
        inside = (middle >= start) & (middle < end)
        touched = (times[:, :1] < end) & (times[:, 1:] > start)
        counts["said"] += len(words)
        counts["in none"] += int((~inside.any(axis=1)).sum())
        counts["in two"] += int((touched.sum(axis=1) > 1).sum())
        for number, place in enumerate(np.argsort(start, kind="stable").tolist()):
            said, timing = spoken.utterance(start[place], end[place])
            segments.append(
                {
                    "id": f"{video}[{place}]",
                    "video": video,
                    "number": number,
                    "start": float(start[place]),
                    "end": float(end[place]),
                    "value": np.float32(values[place, 0]),
                    "words": said,
                    "timing": timing,
                }
            )
    known = opinions.keys()
    left_out = {
        "segments without words": [s["id"] for s in segments if not s["words"]],
        "videos without words": silent,
        "videos without a labelled segment, not used": [v for v in timed.keys() if v not in known],
    }
    return segments, _notes(counts, left_out)


def _check_videos(timed, opinions, words, labels):
    without = [video for video in opinions.keys() if video not in timed]
    if len(without) == len(opinions.keys()):
        raise ValueError(
            f"expected the videos of {str(labels)!r} in {str(words)!r}. Received: none of its "
            f"{len(without)} videos, such as {shown(without[0])}. Take both files from the same "
            "data set."
        )


def _notes(counts, left_out):
    notes = [
        f"words: {counts['said']:,} were said, {counts['in none']:,} of them in no labelled "
        f"segment; {counts['in two']:,} reach into two segments and belong to that of their "
        f"middle; left out are {counts[PAUSE]:,} pauses ({PAUSE!r}) and {counts[UNKNOWN]:,} words "
        f"that nobody understood ({UNKNOWN!r}). Letters are lower case."
    ]
    return notes + [
        f"{what}, {len(some):,}: {', '.join(some[:5])}." for what, some in left_out.items() if some
    ]


def _sounds(audio, segments):
    """Give the audio of each segment, `(1, 73)` or `None`, and sentences for the report."""
    if not audio:
        return [None] * len(segments), [
            "audio: absent everywhere, as the files of bc-LSTM's audio are not there."
        ]
    transcripts = collections.defaultdict(list)
    for transcript, sound in read_audio(audio[0], audio[1:3], audio[3:]):
        transcripts[transcript["video"]].append((transcript, sound))
    places = collections.defaultdict(list)
    for place, segment in enumerate(segments):
        places[segment["video"]].append(place)
    sounds = [None] * len(segments)
    for video, some in places.items():
        rows = sorted(transcripts[video], key=lambda row: row[0]["index"])
        here = [segments[place]["words"] for place in some]
        there = [transcript["words"].lower().split() for transcript, _ in rows]
        for place, row in _pairs(here, there):
            sounds[some[place]] = rows[row][1][None]
    strange = [s["id"] for s, sound in zip(segments, sounds, strict=True) if sound is None]
    notes = ["audio: joined with the segments of its video by the words of bc-LSTM's transcripts."]
    if strange:
        notes.append(
            f"audio: absent in {len(strange):,} segments without such a transcript: "
            f"{', '.join(strange[:5])}."
        )
    return sounds, notes


def _pairs(here, there):
    """Pair two lists of lists of words so that most words agree, and order where they leave it."""
    if not here or not there:
        return
    alike = np.array([[_alike(words, others) for others in there] for words in here])
    order = np.equal.outer(np.arange(len(here)), np.arange(len(there)))
    pairs = optimize.linear_sum_assignment(alike + _ORDER * order, maximize=True)
    for place, row in zip(*pairs, strict=True):
        # Where no word was timed there is nothing to compare.
        if alike[place, row] >= _ALIKE or (not here[place] and order[place, row]):
            yield place, row


def _alike(words, others):
    here, there = collections.Counter(words), collections.Counter(others)
    return (here & there).total() / max(1, (here | there).total())
