"""RAVDESS, all speech of 24 actors, with faces where there are any."""

import collections

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder, Version
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.conversion.unreadable import Unreadable, first_readable, of_sample
from kerasfuse.datasets.formats import openface, ravdess_files
from kerasfuse.datasets.registry import register
from kerasfuse.nearest_names import choose

_SOUNDS = ("log_mel", "prosody")
_FOLDS = 5
_KNOWN = {f"fold_{fold}": 240 if fold == 5 else 300 for fold in range(1, _FOLDS + 1)}


@register(classes=ravdess_files.EMOTIONS)
def ravdess_speech(
    split,
    data_dir=None,
    *,
    fold=5,
    sound="log_mel",
    standardize=True,
    modalities=None,
    unreadable=None,
):
    """Load the speech of all 24 actors of RAVDESS (Livingstone and Russo, 2018), 1,440 clips.

    Eight emotions, from two unaligned sequences: audio, made as `kerasfuse extract` makes it of
    recordings; and vision, 35 action units of OpenFace a video frame, about 30 a second, absent in
    clips without a table of their face. The words carry no emotion and are left out; `ravdess` has
    them.

    Speakers are kept apart in five folds. Fold k tests the actors k, k + 5, k + 10 and so on,
    validates on those of the next fold (after the last comes the first) and trains on the others:

    | fold | actors |
    | --- | --- |
    | 1 | 01 06 11 16 21 |
    | 2 | 02 07 12 17 22 |
    | 3 | 03 08 13 18 23 |
    | 4 | 04 09 14 19 24 |
    | 5 | 05 10 15 20 |

    Labels are 0 neutral, 1 calm, 2 happy, 3 sad, 4 angry, 5 fearful, 6 disgust, 7 surprised.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the files, in folders of any names; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets. Of two files
            of one take, as of a part and of all of it, the one in the fuller folder counts.
        fold: number of the fold to test, from 1 to 5.
        sound: `"log_mel"`, 64 bands a hundred times a second, or `"prosody"`, five numbers twenty
            times; see `kerasfuse.recordings`.
        standardize: centre and scale each feature by its mean and standard deviation over the
            training actors. An entry that is to judge recordings says `false`, and scales in the
            model (`model.scaling`), which keeps the numbers with the weights.
        modalities: list of some of `"audio"` and `"vision"`; both by default.
        unreadable: as in `ravdess`.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when there is no speech.
        ImportError: without soundfile, of the extra `data`.
        ValueError: for files that do not hold what they should, for an unknown fold, and for actors
            of whom there is none in one of the folds.

    Example:

    >>> train = kerasfuse.datasets.load("ravdess_speech", split="train", fold=1)  # doctest: +SKIP
    """
    # Here, as recordings needs the readers of this package when it is imported.
    from kerasfuse.recordings.versions import EXTRACTORS

    choose("sound", sound, _SOUNDS)
    if fold not in range(1, _FOLDS + 1):
        raise ValueError(f"expected fold to be one of 1, 2, 3, 4, 5. Received: fold={fold!r}")
    sounds, faces = map(_once, ravdess_files.find(source_files.folder(data_dir)))
    version = EXTRACTORS[sound]
    stored, _ = conversion.prepared(
        RavdessSpeech,
        sorted([*sounds.values(), *(faces[take] for take in faces if take in sounds)])
        if sounds
        else [],
        lambda bars: _source(sounds, faces, sound, version),
        lambda facts: facts["facts"]["extractor"] == [sound, version],
        data_dir=data_dir,
        missing="speech",
        own_files=True,
        unreadable=unreadable,
    )
    after = fold % _FOLDS + 1
    chosen = {
        "train": [k for k in range(1, _FOLDS + 1) if k not in (fold, after)],
        "validation": [after],
        "test": [fold],
    }
    names = {s: "+".join(f"fold_{k}" for k in some) for s, some in chosen.items()}
    records = Records(stored, names[split])
    if standardize:
        train = records if split == "train" else Records(stored, names["train"])
        # Where nobody has a face there is nothing to scale.
        there = [name for name, lengths in train.lengths.items() if lengths.any()]
        records.standardize(train.moments(there))
    records.choose(modalities)
    return records.arguments()


class RavdessSpeech(Builder):
    """RAVDESS: eight emotions from the speech of 24 actors, and some faces."""

    VERSION = Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = ravdess_files.INSTRUCTIONS


def _once(found):
    """Give a dict of take to file; of two files of one take that in the fuller folder."""
    count = collections.Counter(file.parent for _, file in found)
    files = {}
    for take, file in found:
        if take not in files or count[file.parent] > count[files[take].parent]:
            files[take] = file
    return dict(sorted(files.items()))


def _source(sounds, faces, sound, version):
    from kerasfuse.recordings.extraction import SOUNDS

    faces = {take: face for take, face in faces.items() if take in sounds}
    units = first_readable(openface.units_of, list(faces.values())) if faces else openface.UNITS
    width = {"log_mel": 64, "prosody": 5}[sound]
    rows = {f"fold_{fold}": [] for fold in range(1, _FOLDS + 1)}
    for take, file in sounds.items():
        rows[f"fold_{(int(take[-2:]) - 1) % _FOLDS + 1}"].append((take, file, faces.get(take)))
    alone = len(sounds) - len(faces)
    return Source(
        config=sound,
        fields={"audio": Field((None, width)), "vision": Field((None, len(units)))},
        splits={
            name: (
                len(some),
                lambda i, some=some: _sample(*some[i], units, SOUNDS[sound]),
            )
            for name, some in rows.items()
        },
        label_range=(0, len(ravdess_files.EMOTIONS) - 1),
        known_sizes=_KNOWN,
        notes=[f"vision is absent in {alone:,} of {len(sounds):,} clips."] if alone else [],
        facts={"extractor": [sound, version], "units": list(units)},
    )


def _sample(take, file, face, units, extract):
    from kerasfuse.recordings import Sound

    _, label = ravdess_files.meaning(take, file)
    notes = {}
    with of_sample(take, label):
        heard = Sound(file)
        if heard.is_silent:
            raise Unreadable(
                f"expected sound. Received: {str(file)!r}, which is silent all through. Get the "
                "file again, or remove it.",
                file,
                "silent",
            )
        audio, vision = extract(heard).values, None
        if face is not None:
            vision, notes = openface.read_units(face, units)
    return Sample(
        id=take,
        features={"audio": audio, "vision": vision},
        label=label,
        place=f"{file}" + (f" and {face}" if face else ""),
        notes=notes,
    )
