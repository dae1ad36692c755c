"""Recipes of which the first of several processes does a part for all, or in a place of its own."""

import own_files
import tiny_zoo

from kerasfuse import recipes

_WITHOUT_DROPOUT = dict.fromkeys(
    ("embedding_dropout", "residual_dropout", "feedforward_dropout", "output_dropout"), 0.0
)
_FOLDS = {"folds": 3, "group": "speaker", "epochs": 2, "batch_size": 8, "dim": 4}
# Name: the text of an entry, or the class of a model, and what is changed.
RECIPES = {
    "gate_search": (tiny_zoo.GATED, {**_WITHOUT_DROPOUT, "epochs": 2}),
    "companions": (tiny_zoo.ACCOMPANIED, {"dropout": 0.0}),
    "folds": ("LFLSTM", _FOLDS),
}


def prepare(folder):
    """Write what the trainings of `RECIPES` begin with."""
    for name in ("gate_search", "companions"):
        path = _path(folder, name)
        path.parent.mkdir()
        path.write_text(RECIPES[name][0], encoding="utf-8")
    own_files.write(folder / "data", "number", splits=False)


def train(name, folder, run, **options):
    """Train one of `RECIPES`."""
    entry, overrides = RECIPES[name]
    if name == "folds":
        options["data"] = folder / "data" / "samples.csv"
    else:
        entry = str(_path(folder, name))
    return recipes.train(entry, run, [1], overrides, verbose=0, **options)


def _path(folder, name):
    return folder / f"zoo_{name}" / f"{tiny_zoo.NAME}.toml"
