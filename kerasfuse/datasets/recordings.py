"""Your own clips of sound or video as a data set, features and all."""

import hashlib
import inspect

from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.own import own
from kerasfuse.datasets.registry import register
from kerasfuse.kinds import check_names

_BY_WORD = ("text", "timing")
# What is extracted; the rest says how it is read.
_OPTIONS = ("sound", "words", "face", "encoder", "layers", "speech_model", "face_models")


@register
def recordings(
    split,
    data_dir=None,
    *,
    sound="log_mel",
    words="given",
    face=False,
    encoder="all-MiniLM-L6-v2",
    layers=4,
    speech_model=None,
    face_models=None,
    jobs=1,
    label=None,
    classes=None,
    columns=None,
    fold=None,
    folds=None,
    validation=None,
    test=None,
    group=None,
    weight=None,
):
    """Load clips of sound or video: what `kerasfuse extract` makes of them, as `own` reads it.

    `data_dir` is a table of clips, with the columns `path`, `label`, and perhaps `split`,
    `speaker`, `transcript`, `start` and `end`; or a folder of clips, or one clip. A clip has as
    many of these as were asked for and are there:

    - `audio`: 64 log-mel bands a hundred times a second, or five numbers of prosody twenty times;
    - `text` and `timing`: a vector a word, and five numbers of how it was said, step by step;
    - `vision`: twenty measurements of a face ten times a second.

    Features are extracted once, into the folder of TensorFlow Datasets. Clips that cannot be used
    are left out, and listed there in `facts.json`.

    Args:
        split: `"train"`, `"validation"`, `"test"` or `"everything"`.
        data_dir: the table, the folder or the clip.
        sound, words, face, encoder, layers, speech_model, face_models: what is extracted, see
            `kerasfuse.recordings.extract`.
        jobs: how many processes extract, no more than the machine has cores.
        label, classes, columns, fold, folds, validation, test, group, weight: see `own`.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError, ImportError, ValueError: see `kerasfuse.recordings.extract` and `own`.

    Example:

    >>> kerasfuse.datasets.load("recordings", data_dir="clips.csv")  # doctest: +SKIP
    """
    # Here, as recordings needs the readers of this package when it is imported.
    from kerasfuse.recordings.extracting import extract

    place = source_files.folder(data_dir)
    options = {
        **{"sound": sound, "words": words, "face": face, "encoder": encoder, "layers": layers},
        **{"speech_model": speech_model, "face_models": face_models},
    }
    folder = extracted_folder(data_dir, options)
    if columns is not None:  # before hours of work
        check_names("columns", columns)
    found = extract([place], folder, jobs=jobs, **options)
    both = all(name in found.modalities for name in _BY_WORD)
    read = [name for name in _BY_WORD if columns is None or name in columns]
    return own(
        split,
        found.table,
        label=label,
        classes=classes,
        columns=columns,
        fold=fold,
        folds=folds,
        validation=validation,
        test=test,
        group=group,
        weight=weight,
        aligned=_BY_WORD if both and len(read) == 2 else False,
    )


def extracted_folder(data_dir, options):
    """Return the folder of what is extracted of clips.

    Args:
        data_dir: as of the data set.
        options: dict of arguments of the data set; of those that say what is extracted, the ones
            that are missing have their defaults.
    """
    parameters = inspect.signature(recordings).parameters
    told = {name: options.get(name, parameters[name].default) for name in _OPTIONS}
    place = source_files.folder(data_dir)
    name = hashlib.sha256(repr((str(place.resolve()), told)).encode()).hexdigest()[:12]
    return source_files.home() / "recordings" / f"{place.stem}-{name}"
