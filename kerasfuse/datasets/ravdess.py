"""RAVDESS: two sentences spoken in eight emotions, where the words tell nothing."""

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder, Version
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.conversion.unreadable import first_readable, of_sample
from kerasfuse.datasets.formats import audio_files, openface, ravdess_files
from kerasfuse.datasets.registry import register

_WORDS = ("kids", "dogs", "are", "talking", "sitting", "by", "the", "door")
_RATE, _WINDOW, _STRIDE, _BANDS = 16000, 400, 160, 64


@register(classes=ravdess_files.EMOTIONS)
def ravdess(split, data_dir=None, *, fold=5, standardize=True, modalities=None, unreadable=None):
    """Load RAVDESS (Livingstone and Russo, 2018): eight emotions of actors who speak a sentence.

    Three unaligned sequences: text, the six words one-hot among the 8 distinct words of the two
    sentences; audio, 64 log-mel bands every 10 ms of 16 kHz sound (25 ms windows); vision, 35
    action units of OpenFace (17 intensities, 18 presences) a video frame, about 30 a second. Where
    all files have only intensities or only presences, vision has only those. Each sentence is
    spoken in each emotion, so that the words carry none: a test of whatever ranks modalities.

    A fold leaves one actor out: fold f tests actor f, validates on the next actor (after the last
    comes the first) and trains on the others. With actors 01 to 05:

    | fold | train | validation | test |
    | --- | --- | --- | --- |
    | 1 | 03 04 05 | 02 | 01 |
    | 2 | 01 04 05 | 03 | 02 |
    | 3 | 01 02 05 | 04 | 03 |
    | 4 | 01 02 03 | 05 | 04 |
    | 5 | 02 03 04 | 01 | 05 |

    Labels are 0 neutral, 1 calm, 2 happy, 3 sad, 4 angry, 5 fearful, 6 disgust, 7 surprised.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files, in folders of any names; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        fold: number of the actor to test.
        standardize: centre and scale each feature of audio and vision by its mean and standard
            deviation over the training actors of the fold. Features that are constant there
            become 0.
        modalities: list of some of `"text"`, `"audio"` and `"vision"`; all by default.
        unreadable: what to do at a clip whose files cannot be used: `"stop"`, or `"skip"`, which
            leaves the clip out and lists it in the report, with file and cause. By default `"skip"`
            from 1,000 clips on. Files that cannot be used are those that cannot be read or break
            off, and sound that is silent or shorter than a window. If more than 5 % of the clips
            are left out, or all of an actor or class, it stops all the same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the files are not found.
        ImportError: without soundfile, of the extra `data`.
        ValueError: for files that do not hold what they should, and for an unknown fold.

    Example:

    >>> train = kerasfuse.datasets.load("ravdess", split="train", fold=1)
    """
    takes, notes = _takes(source_files.folder(data_dir))
    stored, facts = conversion.prepared(
        Ravdess,
        sorted(file for pair in takes.values() for file in pair),
        lambda bars: _source(takes, notes),
        data_dir=data_dir,
        missing="pairs of sound and face",
        own_files=True,
        unreadable=unreadable,
    )
    actors = facts["facts"]["actors"]
    chosen = _split_actors(actors, fold)
    records = Records(stored, "+".join(chosen[split]))
    if standardize:
        train = records if split == "train" else Records(stored, "+".join(chosen["train"]))
        records.standardize(train.moments(("audio", "vision")))
    records.choose(modalities)
    return records.arguments()


class Ravdess(Builder):
    """RAVDESS: eight emotions from words, speech and action units."""

    VERSION = Version("1.2.0")  # broken and silent files were read as if they were whole
    MANUAL_DOWNLOAD_INSTRUCTIONS = ravdess_files.INSTRUCTIONS


def _split_actors(actors, fold):
    """Give the actors of each split, as the names of the stored splits."""
    name = f"actor_{fold:02d}" if isinstance(fold, int) else str(fold)
    if name not in actors or len(actors) < 3:
        raise ValueError(
            f"expected fold to be the number of one of 3 actors or more, "
            f"{', '.join(actor[-2:] for actor in actors)}. Received: fold={fold!r}"
        )
    after = actors[(actors.index(name) + 1) % len(actors)]
    return {
        "train": [actor for actor in actors if actor not in (name, after)],
        "validation": [after],
        "test": [name],
    }


def _takes(folder):
    """Pair sound and face of each take by the fields of their names after the modality."""
    return source_files.pair(*ravdess_files.find(folder))


def _source(takes, notes):
    actors = sorted({f"actor_{take[-2:]}" for take in takes})
    units = first_readable(openface.units_of, [face for _, face in takes.values()])
    by_actor = {
        actor: [(take, *pair) for take, pair in takes.items() if take[-2:] == actor[-2:]]
        for actor in actors
    }
    return Source(
        config="log_mel_64",
        fields={
            "text": Field((None, len(_WORDS))),
            "audio": Field((None, _BANDS)),
            "vision": Field((None, len(units))),
        },
        splits={
            actor: (len(found), lambda i, found=found: _sample(*found[i], units))
            for actor, found in by_actor.items()
        },
        label_range=(0, len(ravdess_files.EMOTIONS) - 1),
        notes=notes,
        facts={"actors": actors},
    )


def _sample(take, sound, face, units):
    words, label = ravdess_files.meaning(take, sound)
    with of_sample(take, label):
        x = audio_files.read_sound(sound, _RATE, _WINDOW)
        vision, notes = openface.read_units(face, units)
    return Sample(
        id=take,
        features={
            "text": np.eye(len(_WORDS))[[_WORDS.index(word) for word in words]],
            "audio": audio_files.log_mel(x, _RATE, _BANDS, _WINDOW, _STRIDE),
            "vision": vision,
        },
        label=label,
        place=f"{sound} and {face}",
        notes=notes,
    )
