"""UR-FUNNY: whether a sentence of a talk makes people laugh, from its official feature pickles."""

import io
import operator

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats.pickles import contents
from kerasfuse.datasets.formats.restricted_pickle import read_pickle
from kerasfuse.datasets.registry import register
from kerasfuse.shown import shortened, shown

_WIDTHS = {"text": 300, "audio": 81, "vision": 371}
# The second release names the text otherwise, and circulates misspelt as well.
_FILES = {
    "folds": ("data_folds.pkl",),
    "labels": ("humor_label_sdk.pkl",),
    "text": ("language_sdk.pkl", "langauge_sdk.pkl", "word_embedding_indexes_sdk.pkl"),
    "embeddings": ("word_embedding_list.pkl",),
    "audio": ("covarep_features_sdk.pkl",),
    "vision": ("openface_features_sdk.pkl",),
}
_SPLITS = {"train": "train", "validation": "dev", "test": "test"}
_INSTRUCTIONS = (
    "The official features hold them (github.com/ROC-HCI/UR-FUNNY): "
    f"{', '.join(names[0] for names in _FILES.values())}."
)


@register
def ur_funny(split, data_dir=None, *, context=False):
    """Load UR-FUNNY (Hasan et al., EMNLP 2019): is the punchline of a talk followed by laughter?

    Three sequences, aligned by word: text, GloVe vectors (300) that the files give as positions in
    a list; audio, COVAREP (81); vision, OpenFace (371). A label is 1 where people laughed, else 0.
    Training, validation and test are the folds of the authors.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the pickles; the environment variable KERASFUSE_DATA by default,
            then the manual folder of TensorFlow Datasets.
        context: whether the sentences before the punchline come before it in the sequences.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when a file is not found; it tells which.
        ValueError: for files that hold something else, with the sample and the field.

    Example:

    >>> train = kerasfuse.datasets.load("ur_funny", data_dir="sdk_features")
    """
    if not isinstance(context, bool):
        raise ValueError(f"expected context=True or False. Received: context={context!r}")
    files = _find(source_files.folder(data_dir))
    missing = [names[0] for role, names in _FILES.items() if role not in files]
    stored, _ = conversion.prepared(
        UrFunny,
        [] if missing else files.values(),
        lambda bars: _source(files, context, bars),
        lambda facts: facts["facts"]["context"] == context,
        data_dir=data_dir,
        missing=", ".join(missing),
    )
    return Records(stored, split).arguments()


class UrFunny(Builder):
    """UR-FUNNY: humour in talks from words, voice and face."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _find(folder):
    found = {}
    for role, names in _FILES.items():
        files = [folder / name for name in names if (folder / name).is_file()]
        if files:
            found[role] = files[0]
    return found


def _source(files, context, bars):
    trees = {}
    for role, file in files.items():
        with bars.open(file, "rb", description=f"reading {file.name}") as opened:
            trees[role] = read_pickle(file, io.BufferedReader(opened, 2**20))
    for role, tree in trees.items():
        kind = list if role == "embeddings" else dict
        if not isinstance(tree, kind) and not (kind is list and isinstance(tree, np.ndarray)):
            raise ValueError(
                f"expected a {kind.__name__} in {str(files[role])!r}. Received: "
                f"{type(tree).__name__}"
            )
    embeddings = _embeddings(trees["embeddings"], files["embeddings"])
    folds = trees["folds"]
    if missing := [theirs for theirs in _SPLITS.values() if theirs not in folds]:
        raise ValueError(
            f"expected train, dev and test in {str(files['folds'])!r}. Received: no "
            f"{', '.join(missing)} among {shortened(', '.join(map(shown, folds)))}"
        )

    keys = {split: _keys(folds[theirs], files["folds"]) for split, theirs in _SPLITS.items()}
    for split, some in keys.items():
        if len(some) > len(trees["labels"]):
            raise ValueError(
                f"expected each sample once in {str(files['folds'])!r}. Received: {len(some):,} in "
                f"{split}, where {len(trees['labels']):,} have labels"
            )

    def sample(key):
        entries = {}
        for role in ("labels", "text", "audio", "vision"):
            if key not in trees[role]:
                raise ValueError(
                    f"expected sample {shown(key)} of {str(files['folds'])!r} in "
                    f"{str(files[role])!r}. Received: a file without it. Get both from one release."
                )
            entries[role] = trees[role][key]
        text = _sentences(entries["text"], "embedding_indexes", context, key, files["text"])
        positions = _positions(text, key, files["text"])
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(embeddings):
            raise ValueError(
                f"expected positions below {len(embeddings)} in 'text' of sample {shown(key)} in "
                f"{str(files['text'])!r}. Received: {positions.min()} to {positions.max()}"
            )
        features = {"text": embeddings[positions]}
        for role in ("audio", "vision"):
            found = _sentences(entries[role], "features", context, key, files[role])
            features[role] = _steps(found, role, key, files[role])
        said = entries["text"].get("punchline_sentence", "")
        return Sample(
            id=str(key),
            features=features,
            label=entries["labels"],
            place=", ".join(str(files[role]) for role in ("text", "audio", "vision", "labels")),
            texts={"words": contents.text(said, "punchline_sentence")},
        )

    return Source(
        config="context" if context else "punchline",
        fields={name: Field((None, width)) for name, width in _WIDTHS.items()},
        splits={
            split: (len(some), lambda i, some=some: sample(some[i])) for split, some in keys.items()
        },
        label_range=(0, 1),
        texts=("words",),
        facts={"context": context},
        aligned=tuple(_WIDTHS),
    )


def _embeddings(tree, file):
    try:
        table = np.asarray(tree, dtype="float32")
    except (ValueError, TypeError):
        table = np.zeros(0)
    if table.ndim != 2 or table.shape[1] != _WIDTHS["text"]:
        raise ValueError(
            f"expected word vectors (words, {_WIDTHS['text']}) in {str(file)!r}. Received: "
            f"{len(tree)} entries of other shapes"
        )
    return table


def _keys(fold, file):
    """Give the names or numbers of the samples of a fold."""
    if isinstance(fold, np.ndarray):
        fold = fold.ravel().tolist()
    if not isinstance(fold, list | tuple | set) or not all(
        isinstance(key, int | str | bytes | np.generic) for key in fold
    ):
        raise ValueError(
            f"expected names or numbers of samples in {str(file)!r}. Received: {shown(fold)}"
        )
    return list(fold)


def _positions(sentences, key, file):
    """Join the positions of words in the list of vectors."""
    try:
        return np.array([operator.index(i) for sentence in sentences for i in sentence], int)
    except (TypeError, OverflowError) as error:
        raise ValueError(
            f"expected positions of words in sample {shown(key)} in {str(file)!r}. Received: "
            f"{shown(sentences)}"
        ) from error


def _sentences(entry, what, context, key, file):
    """Give the sentences of a sample, the punchline last."""
    try:
        if not isinstance(entry, dict):
            raise TypeError(type(entry).__name__)
        before = list(entry[f"context_{what}"]) if context else []
        return [*before, entry[f"punchline_{what}"]]
    except (KeyError, TypeError, IndexError) as error:
        told = ", ".join(map(shown, entry)) if isinstance(entry, dict) else type(entry).__name__
        raise ValueError(
            f"expected punchline_{what} and context_{what} of sample {shown(key)} in "
            f"{str(file)!r}. Received: {shortened(told)}"
        ) from error


def _steps(sentences, name, key, file):
    """Join the steps of sentences; `None` where there are none."""
    try:
        rows = [row for sentence in sentences for row in sentence]
        widths = {np.shape(row) for row in rows}
        steps = np.array(rows, "float32") if widths == {(_WIDTHS[name],)} else None
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"expected steps of {_WIDTHS[name]} numbers in {name!r} of sample {shown(key)} in "
            f"{str(file)!r}. Received: {shown(sentences)}"
        ) from error
    if widths - {(_WIDTHS[name],)}:
        told = shortened(", ".join(map(str, sorted(widths))))
        raise ValueError(
            f"expected steps of {_WIDTHS[name]} features in {name!r} of sample {shown(key)} in "
            f"{str(file)!r}. Received: shapes {told}. Are audio and vision swapped?"
        )
    return steps
