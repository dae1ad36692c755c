"""The pickles of MulT (Tsai et al., ACL 2019): dense arrays, zeros in front of each sample."""

import numpy as np

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
    """
    return {
        split: {
            **{name: part[name] for name in MODALITIES},
            "label": part["labels"],
            "id": [_id(value) for value in part["id"]] if "id" in part else None,
        }
        for split, part in ((split, tree[theirs]) for split, theirs in _SPLITS.items())
    }


def _parts(tree, label):
    return isinstance(tree, dict) and all(
        isinstance(tree.get(theirs), dict) and {*MODALITIES, label} <= set(tree[theirs])
        for theirs in _SPLITS.values()
    )


def _id(value):
    # One name, or the video with start and end of the utterance, as bytes or text.
    parts = [
        part.decode() if isinstance(part, bytes) else str(part)
        for part in np.atleast_1d(np.asarray(value, dtype=object)).ravel().tolist()
    ]
    return parts[0] if len(parts) == 1 else f"{parts[0]}[{','.join(parts[1:])}]"
