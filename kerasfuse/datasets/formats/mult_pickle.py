"""The pickles of MulT (Tsai et al., ACL 2019): dense arrays, zeros in front of each sample."""

from kerasfuse.datasets.formats.pickles import contents

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
MODALITIES = ("text", "audio", "vision")


def is_mult(tree):
    """Whether a pickle's content has the layout of MulT."""
    return _parts(tree, "labels")


def splits(tree):
    """Give, by split, a dict of the arrays that samples are made of.

    Returns:
        dict of split to a dict with `text`, `audio`, `vision` (samples, steps, width), `label`
        and `id`.

    Raises:
        ValueError: for fields that hold something else.
    """
    return {
        split: {
            **{name: contents.samples(part[name], name) for name in MODALITIES},
            "label": contents.samples(part["labels"], "labels"),
            "id": contents.names(part["id"], "id") if "id" in part else None,
        }
        for split, part in ((split, tree[theirs]) for split, theirs in _SPLITS.items())
    }


def _parts(tree, label):
    return isinstance(tree, dict) and all(
        isinstance(tree.get(theirs), dict) and {*MODALITIES, label} <= set(tree[theirs])
        for theirs in _SPLITS.values()
    )
