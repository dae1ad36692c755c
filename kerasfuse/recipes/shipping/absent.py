"""Scores of a model where modalities are absent, as of recordings that lack them."""

import os
from collections.abc import Sequence

import numpy as np

from kerasfuse import datasets, zoo
from kerasfuse.analysis.predictions import without
from kerasfuse.datasets.batching.served import Served
from kerasfuse.nearest_names import choose
from kerasfuse.recipes.scoring import SPLITS, load_split, on_data, score_all


def evaluate_without(
    name: str | os.PathLike[str],
    absent: Sequence[str | Sequence[str]],
    split: str = "test",
    data_dir: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = "default",
    data: str | os.PathLike[str] | None = None,
) -> dict[str, dict[str, float]]:
    """Score an entry's model where modalities are absent in all samples.

    A sample that has none of the others is scored as well: the model can but guess. An error or an
    accuracy near that of all modalities says that the model does not lean on what is absent.

    Args:
        name: an entry's name or address; a run folder is one.
        absent: names of modalities, each absent alone, and sequences of names, absent together.
        split, data_dir, weights, data: as in `evaluate`.

    Returns:
        Dict of what is absent, names with commas between, to a dict of metric to value.

    Raises:
        ValueError: for a name that is not among the model's modalities, for all of them, and what
            `evaluate` raises.
        FileNotFoundError: when weights or data are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> found = recipes.evaluate_without("mica_simulated", ["audio", ("audio", "vision")])
    >>> list(found)
    ['audio', 'audio,vision']
    """
    entry, data_dir = on_data(name, data, data_dir)
    choose("split", split, (*SPLITS, *["everything"] * (entry.data_name == "own")))
    model = zoo.load(name, weights)
    check_absent(absent, model.modalities)
    scored = load_split(entry, split, data_dir, shuffle=False)
    lacking = {",".join(some): Lacking(scored, some) for some in tuples(absent)}
    return score_all(model, entry, lacking)


class Lacking(Served):
    """Serve batches without some modalities, all zeros in their place.

    Args:
        batches: `Batches`.
        absent: names of modalities.
    """

    def __init__(self, batches: datasets.Batches, absent: Sequence[str]) -> None:
        super().__init__(batches)
        self.absent = tuple(absent)

    def __getitem__(self, index: int) -> tuple:
        inputs, *others = self.batches[index]
        return (without(inputs, self.absent), *others)

    @property
    def empty(self) -> int:
        """Number of samples that have no modality at all."""
        left = [name for name in self.origin.modalities if name not in self.absent]
        lengths = self.origin.lengths
        if any(name not in lengths for name in left):  # an image, which every sample has
            return 0
        return int((~np.any([lengths[name] > 0 for name in left], axis=0)).sum())


def tuples(absent):
    """Return what is absent as a list of tuples of names, each once."""
    return list(dict.fromkeys((x,) if isinstance(x, str) else tuple(x) for x in absent))


def check_absent(absent, modalities):
    """Refuse names that are no modalities, and all of them.

    Args:
        absent: as of `evaluate_without`.
        modalities: names of those that the model takes.

    Raises:
        ValueError: for both.
    """
    for some in tuples(absent):
        for name in some:
            choose("without", name, tuple(modalities))
        if not some or set(some) == set(modalities):
            raise ValueError(
                "expected to leave out some modalities and to keep some of "
                f"{', '.join(modalities)}. Received: {', '.join(some) or 'nothing'}."
            )


def rows_of(model, entry, test, absent):
    """Return the rows of what is absent that an entry's results hold.

    Args:
        model: the model.
        entry: its `Entry`.
        test: `Batches` of the test split, not shuffled.
        absent: as of `evaluate_without`.

    Returns:
        List of dicts of `modalities`, `test`, metric to value, and `empty`, how many samples had
        nothing left, if any.
    """
    check_absent(absent, model.modalities)
    lacking = {some: Lacking(test, some) for some in tuples(absent)}
    rows = []
    for some, found in score_all(model, entry, lacking).items():
        scores = {m: round(x, 6) for m, x in found.items()}
        empty = {"empty": lacking[some].empty} if lacking[some].empty else {}
        rows.append({"modalities": list(some), **empty, "test": scores})
    return rows
