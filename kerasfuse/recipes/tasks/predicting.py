"""What a model says of samples, as a table: ids, raw outputs, and what they mean."""

import csv
import dataclasses
import io
import json
import os
import pathlib
import re
from typing import Any

import numpy as np

from kerasfuse import atomic, datasets, recordings, zoo
from kerasfuse.recipes.tasks.data_place import data_place
from kerasfuse.tables import markdown

_SUFFIXES = (".csv", ".json")
# Words of an utterance that a row names.
_FEW = 3


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Hold predictions as rows.

    Args:
        columns: names of the columns: `sample`, a raw output each, and what these mean.
        rows: list of tuples, one a sample.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def csv(self) -> str:
        """Return the table as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()

    def json(self) -> str:
        """Return the table as a JSON list of objects."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return json.dumps(rows, indent=1) + "\n"

    def drawn(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return what a picture shows, probabilities where there are any, and their names.

        Returns:
            Array `(rows, names)`, and the names.
        """
        prefix = (
            "probability" if any(c.startswith("probability") for c in self.columns) else "score"
        )
        places = [i for i, column in enumerate(self.columns) if column.startswith(prefix)]
        values = np.array([[row[i] for i in places] for row in self.rows], "float64")
        names = [self.columns[i].removeprefix(f"{prefix}_") for i in places]
        return values, tuple(names)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a .csv or .json file, whole or not at all.

        Raises:
            ValueError: for another suffix.
        """
        suffix = pathlib.Path(path).suffix
        if suffix not in _SUFFIXES:
            raise ValueError(
                f"expected an output file that ends in {' or '.join(_SUFFIXES)}. "
                f"Received: output={str(path)!r}."
            )
        with atomic.replacing(path) as temporary:
            text = self.csv() if suffix == ".csv" else self.json()
            temporary.write_text(text, encoding="utf-8")

    def _repr_markdown_(self):
        return markdown(self.columns, [tuple(map(str, row)) for row in self.rows])


def predict_table(
    name: str | os.PathLike[str],
    data: Any,
    weights: str | os.PathLike[str] | None = "default",
) -> Predictions:
    """Predict samples and say what the outputs mean.

    Raw outputs are `score`, or `score_` and the name of the number, class or label, or its
    position. Of classes come `class`, the name of the most likely one, and `probability_` of each;
    of labels `probability_` of each; of two classes `class` and `probability` of the second.

    Args:
        name: an entry's name or address; a run folder is one.
        data: `kerasfuse.datasets.Batches`, or the path of your own data; labels are not needed.
        weights: as in `zoo.load`.

    Returns:
        `Predictions`, which a notebook shows as a table.

    Raises:
        ValueError: for an unknown name, data that do not fit the model, and outputs that are not
            finite.
        FileNotFoundError: when weights or data are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> recipes.predict_table("runs/lmf_samples", "new.csv").write("predicted.csv")
    """
    entry = zoo.entry(name)
    if not isinstance(data, datasets.Batches):
        data = own_samples(data, entry)
    if data.shuffle:
        data = data.subset(np.arange(data.num_samples))
    model = zoo.load(name, weights)
    outputs = np.asarray(model.predict(data, verbose=0), "float64").reshape(data.num_samples, -1)
    _check_finite(data.ids, outputs)
    return _table(entry, data.ids, outputs)


def predict_recording(
    name: str | os.PathLike[str],
    path: str | os.PathLike[str],
    transcript: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = "default",
    speech_model: str | None = None,
    face_models: str | None = None,
) -> tuple[Predictions, recordings.RecordingPrediction]:
    """Predict the utterances of a recording and say what the outputs mean.

    Args:
        name: the name or address of an entry that says how its features are made of a recording.
        path: a file of sound or video.
        transcript, speech_model, face_models: see `kerasfuse.recordings.predict`.
        weights: as in `zoo.load`.

    Returns:
        `Predictions`, one row an utterance, with `start` and `end` in seconds, the words that were
        said, and the three that mattered most; and the `RecordingPrediction`, which draws them.

    Raises:
        ValueError: for an entry without `[features]`; the names of those with are offered. And see
            `kerasfuse.recordings.predict`.
        FileNotFoundError: when weights or files are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> recipes.predict_recording("text_frozen_mosi_words", "clip.wav")  # doctest: +SKIP
    """
    entry = zoo.entry(name)
    if entry.recording_features is None:
        able = [one.name for one in zoo.entries() if one.features]
        raise ValueError(
            "expected an entry that takes recordings, which its [features] say. Received: "
            f"{entry.name}, whose features this library cannot make. Entries that do: "
            f"{', '.join(able) or 'none yet'}."
        )
    model = zoo.load(name, weights)
    found = recordings.predict(
        model, path, transcript, speech_model=speech_model, face_models=face_models
    )
    ids = [str(number) for number in range(1, len(found.utterances) + 1)]
    _check_finite(ids, found.outputs)
    table = _table(entry, ids, found.outputs)
    rows = [
        (row[0], round(one.start, 2), round(one.end, 2), *row[1:], _mattered(one), one.text)
        for row, one in zip(table.rows, found.utterances, strict=True)
    ]
    columns = ("utterance", "start", "end", *table.columns[1:], "words_that_mattered", "words")
    return Predictions(columns, rows), found


def _mattered(utterance):
    order = np.argsort(-np.abs(utterance.influence), kind="stable")[:_FEW]
    return ", ".join(
        f"{utterance.words[i]} {utterance.influence[i]:+.2f}"
        for i in order
        if utterance.influence[i]
    )


def own_samples(path, entry, batch_size=32):
    """Load all samples of one's own data, with the modalities of an entry and without labels.

    Raises:
        ValueError: for modalities or widths that are not the entry's.
    """
    modalities = entry.model_args["modalities"]
    data_name, place = data_place(path)
    if data_name != "own":
        raise ValueError(f"expected the path of your own data. Received: data={str(path)!r}.")
    options = {}
    if entry.data_name == "own":
        options = {k: x for k, x in entry.data_args.items() if k in ("aligned", "clean")}
    data = datasets.load(
        "own",
        "everything",
        batch_size,
        place,
        shuffle=False,
        label=False,
        **{"clean": True, "columns": list(modalities), **options},
    )
    for m, size in modalities.items():
        wanted = tuple(size) if isinstance(size, list) else size
        if data.modalities[m] != wanted:
            raise ValueError(
                f"expected {m!r} to be {wanted} wide, as the model takes it. "
                f"Received: {data.modalities[m]} in {str(path)!r}."
            )
    return data


def _table(entry, ids, outputs):
    recipe = entry.recipe
    names = recipe.targets or datasets.class_names(entry.data_name) or ()
    count = outputs.shape[1]
    if len(names) != count:
        names = tuple(map(str, range(count)))
    plain = [re.sub(r"\s+", "_", str(name)) for name in names]
    columns = ["score"] if count == 1 else [f"score_{name}" for name in plain]
    parts = [outputs]
    labels = None
    if recipe.loss == "sparse_categorical_crossentropy":
        parts.append(_softmax(outputs))
        columns += [f"probability_{name}" for name in plain]
        labels = [names[i] for i in outputs.argmax(axis=1)]
    elif recipe.metrics == "binary" and count == 1:
        parts.append(_sigmoid(outputs))
        columns.append("probability")
        labels = [int(x > 0) for x in outputs[:, 0]]
    elif recipe.metrics in ("multilabel", "mosei_emotions"):
        parts.append(_sigmoid(outputs))
        columns += [f"probability_{name}" for name in plain]
    values = np.concatenate(parts, axis=1).tolist()
    if labels is None:
        rows = [(name, *row) for name, row in zip(ids, values, strict=True)]
        return Predictions(("sample", *columns), rows)
    rows = [(name, said, *row) for name, said, row in zip(ids, labels, values, strict=True)]
    return Predictions(("sample", "class", *columns), rows)


def _softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _sigmoid(logits):
    # No overflow on either side.
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def _check_finite(ids, scores):
    bad = [name for name, row in zip(ids, scores, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise ValueError(
            f"expected a model with finite outputs. Received: outputs that are not for {len(bad)} "
            f"of {len(scores)} samples, {', '.join(map(str, bad[:3]))} first. Look at the weights, "
            "and at features of these samples that are out of all proportion."
        )
