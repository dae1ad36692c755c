"""The pickles of MMSA (Yu et al., ACL 2020; Mao et al., ACL 2022): zeros behind each sample."""

from kerasfuse.datasets.formats.mult_pickle import MODALITIES
from kerasfuse.datasets.formats.pickles import contents

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
_MOST_IDS = 2**31
# Of CH-SIMS: what annotators judged from one modality alone.
_UNIMODAL = {"text": "T", "audio": "A", "vision": "V"}


def is_mmsa(tree):
    """Whether a pickle's content has the layout of MMSA."""
    return isinstance(tree, dict) and all(
        isinstance(tree.get(theirs), dict)
        and {"audio", "vision", "regression_labels"} <= set(tree[theirs])
        and {"text", "text_bert"} & set(tree[theirs])
        for theirs in _SPLITS.values()
    )


def splits(tree):
    """Give, by split, a dict of the arrays that samples are made of.

    Text features of steps that the mask in `text_bert` leaves out are padding, whatever they hold.

    Returns:
        dict of split to a dict with `text`, `audio`, `vision` (samples, steps, width), `text_ids`
        (samples, steps), `label`, `label_text`, `label_audio`, `label_vision`, `id` and `words`,
        as far as the file has them.

    Raises:
        ValueError: for fields that hold something else.
    """
    found = {}
    for split, theirs in _SPLITS.items():
        part = tree[theirs]
        kept = {n: contents.samples(part[n], n) for n in MODALITIES if n in part}
        if "text_bert" in part:
            ids, mask = _ids_and_mask(part["text_bert"])
            kept["text_ids"] = ids * mask
            kept["text_mask"] = mask
        kept["label"] = contents.samples(part["regression_labels"], "regression_labels")
        for name, letter in _UNIMODAL.items():
            theirs = f"regression_labels_{letter}"
            if theirs in part:
                kept[f"label_{name}"] = contents.samples(part[theirs], theirs)
        kept["id"] = contents.names(part["id"], "id") if "id" in part else None
        if "raw_text" in part:
            kept["words"] = contents.texts(part["raw_text"], "raw_text")
        found[split] = kept
    return found


def _ids_and_mask(text_bert):
    """Split `(samples, 3, steps)`: token ids, mask, segment."""
    text_bert = contents.array(text_bert, "text_bert")
    if text_bert.ndim != 3 or text_bert.shape[1] != 3 or text_bert.dtype.kind not in "fiu":
        raise ValueError(
            "expected text_bert to be numbers of shape (samples, 3, steps): ids, mask, segment. "
            f"Received: dtype {text_bert.dtype}, shape {text_bert.shape}"
        )
    ids = text_bert[:, 0]
    if not ((ids >= 0) & (ids < _MOST_IDS)).all():
        raise ValueError(
            "expected the first row of text_bert to be token ids. Received: numbers below 0, "
            f"of {_MOST_IDS} or more, or NaN"
        )
    return ids.astype("int32"), text_bert[:, 1] != 0
