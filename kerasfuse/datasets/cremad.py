"""CREMA-D: twelve sentences spoken in six emotions by 91 actors."""

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder, Version
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.conversion.unreadable import first_readable, of_sample
from kerasfuse.datasets.formats import audio_files, openface
from kerasfuse.datasets.registry import register

# Codes in the names of files, in the order of the labels.
_EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "FEA": "fearful",
    "DIS": "disgusted",
    "ANG": "angry",
}
# Of the 91 actors 1001 to 1091; all others are for training.
_VALIDATION_ACTORS = tuple(range(1010, 1091, 10))
_TEST_ACTORS = tuple(range(1005, 1091, 10))
# The sizes of the random split that is published, and its seed here.
_SIZES = {"train": 6027, "validation": 745, "test": 669}
_SEED = 0
_SIDE = 224
# A spectrogram of 3 s: 257 frequencies, 188 steps.
_RATE, _SECONDS, _WINDOW, _STRIDE = 22050, 3, 512, 353
_BINS, _STEPS = _WINDOW // 2 + 1, _RATE * _SECONDS // _STRIDE + 1
_MEL_RATE, _MEL_WINDOW, _MEL_STRIDE, _MEL_BANDS = 16000, 400, 160, 64

_INSTRUCTIONS = (
    "CREMA-D (github.com/CheyneyComputerScience/CREMA-D): the sounds 1001_DFA_ANG_XX.wav or .flac "
    "and, for each, a folder 1001_DFA_ANG_XX with its frames (.jpg or .png), or the table "
    "1001_DFA_ANG_XX.csv of OpenFace, in any folders below data_dir."
)


@register(classes=tuple(_EMOTIONS.values()))
def cremad(split, data_dir=None, *, vision="frames", by="actor", unreadable=None):
    """Load CREMA-D (Cao et al., 2014): six emotions of 7,442 clips.

    With `vision="frames"` a sample is a pair of images, as in Peng et al., "Balanced Multimodal
    Learning via On-the-fly Gradient Modulation", CVPR 2022: audio `(257, 188, 1)`, the logarithm of
    the magnitudes of 512-sample windows every 353 samples of 3 s at 22.05 kHz (shorter clips are
    repeated), and vision `(224, 224, 3)`, the middle frame, in 0 to 255. With `vision="units"` it
    is a pair of sequences: audio, 64 log-mel bands every 10 ms, and vision, 35 action units a
    frame (17 or 18 where all files have only intensities or only presences).

    With `by="actor"` nobody is in two splits: validation has the actors 1010, 1020, 1030, 1040,
    1050, 1060, 1070, 1080 and 1090, test has 1005, 1015, 1025, 1035, 1045, 1055, 1065, 1075 and
    1085, training has the others. With `by="random"` clips are split at random, always alike, into
    the published 6027 for training, 745 for development and 669 for testing (in these shares where
    there are not 7441); actors are then in all splits, and scores are higher than for strangers.

    Labels are 0 neutral, 1 happy, 2 sad, 3 fearful, 4 disgusted, 5 angry.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files, in folders of any names; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        vision: `"frames"` or `"units"`.
        by: `"actor"` or `"random"`.
        unreadable: what to do at a clip whose files cannot be used: `"stop"`, or `"skip"`, which
            leaves the clip out and lists it in the report, with file and cause. By default `"skip"`
            from 1,000 clips on. Files that cannot be used are those that cannot be read or break
            off, and sound that is silent or shorter than a window. If more than 5 % of the clips
            are left out, or all of an actor or class, it stops all the same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the files are not found.
        ImportError: without soundfile or Pillow, of the extra `data`.
        ValueError: for files that do not hold what they should, and for unknown options.

    Example:

    >>> train = kerasfuse.datasets.load("cremad", split="train", by="random")
    """
    for name, value, valid in (
        ("vision", vision, ("frames", "units")),
        ("by", by, ("actor", "random")),
    ):
        if value not in valid:
            raise ValueError(
                f"expected {name} to be {' or '.join(map(repr, valid))}. Received: {name}={value!r}"
            )
    clips, notes = _clips(source_files.folder(data_dir), vision)
    stored, facts = conversion.prepared(
        Cremad,
        [file for pair in clips.values() for file in pair],
        lambda bars: _source(clips, notes, vision),
        lambda facts: facts["facts"]["vision"] == vision,
        data_dir=data_dir,
        missing=f"pairs of sound and {vision}",
        own_files=True,
        unreadable=unreadable,
    )
    if by == "actor":
        records = Records(stored, "+".join(_actors(facts["facts"]["actors"], split)))
    else:
        records = Records(stored, "+".join(facts["facts"]["actors"]))
        records.keep(_random_rows(records.num_samples, split))
    return records.arguments()


class Cremad(Builder):
    """CREMA-D: six emotions from speech and face."""

    VERSION = Version("1.2.0")  # broken and silent files were read as if they were whole
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _actors(actors, split):
    named = {"validation": _VALIDATION_ACTORS, "test": _TEST_ACTORS}
    others = {*_VALIDATION_ACTORS, *_TEST_ACTORS}
    chosen = [
        actor
        for actor in actors
        if (int(actor[-4:]) in named[split] if split in named else int(actor[-4:]) not in others)
    ]
    if not chosen:
        raise ValueError(
            f"expected clips of actors of {split}. Received: only those of "
            f"{', '.join(actor[-4:] for actor in actors[:5])}, ... Get the other files, or say "
            'by="random".'
        )
    return chosen


def _random_rows(count, split):
    total = sum(_SIZES.values())
    held = {name: round(count * _SIZES[name] / total) for name in ("validation", "test")}
    order = np.random.default_rng(_SEED).permutation(count)
    parts = np.split(order, np.cumsum([held["validation"], held["test"]]))
    return np.sort(dict(zip(("validation", "test", "train"), parts, strict=True))[split])


def _clips(folder, vision):
    """Pair the sound of each clip with its table, or its middle frame."""
    sounds, faces = [], []
    for path in sorted(folder.rglob("[0-9][0-9][0-9][0-9]_*_*_*")):
        if path.suffix.lower() in (".wav", ".flac"):
            sounds.append((path.stem, path))
        elif vision == "units" and path.suffix.lower() == ".csv":
            faces.append((path.stem, path))
        elif vision == "frames" and path.is_dir():
            frames = audio_files.frames(path)
            if frames:
                faces.append((path.name, frames[len(frames) // 2]))
    return source_files.pair(sounds, faces)


def _source(clips, notes, vision):
    by_actor = {}
    for clip, (sound, face) in clips.items():
        by_actor.setdefault(f"actor_{clip[:4]}", []).append((clip, sound, face))
    units = None
    if vision == "frames":
        fields = {"audio": Field((_BINS, _STEPS, 1)), "vision": Field((_SIDE, _SIDE, 3), "uint8")}
    else:
        units = first_readable(openface.units_of, [face for _, face in clips.values()])
        fields = {"audio": Field((None, _MEL_BANDS)), "vision": Field((None, len(units)))}
    return Source(
        config=vision,
        fields=fields,
        splits={
            actor: (len(found), lambda i, found=found: _sample(*found[i], vision, units))
            for actor, found in by_actor.items()
        },
        label_range=(0, len(_EMOTIONS) - 1),
        notes=notes,
        facts={"vision": vision, "actors": list(by_actor)},
    )


def _sample(clip, sound, face, vision, units):
    emotion = clip.split("_")[2]
    if emotion not in _EMOTIONS:
        raise ValueError(
            "expected a name of CREMA-D: actor_sentence_emotion_level, the emotion one of "
            f"{', '.join(_EMOTIONS)}. Received: {sound}"
        )
    label = np.array(list(_EMOTIONS).index(emotion))
    with of_sample(clip, label):
        features, notes = _features(sound, face, vision, units)
    return Sample(
        id=clip,
        features=features,
        label=label,
        place=f"{sound} and {face}",
        notes=notes,
    )


def _features(sound, face, vision, units):
    if vision == "frames":
        audio = audio_files.log_spectrogram(sound, _RATE, _SECONDS, _WINDOW, _STRIDE)
        return {"audio": audio, "vision": audio_files.read_image(face, _SIDE)}, {}
    x = audio_files.read_sound(sound, _MEL_RATE, _MEL_WINDOW)
    audio = audio_files.log_mel(x, _MEL_RATE, _MEL_BANDS, _MEL_WINDOW, _MEL_STRIDE)
    table, notes = openface.read_units(face, units)
    return {"audio": audio, "vision": table}, notes
