"""What a conversion found in the files, told once."""

import collections

import numpy as np

from kerasfuse.datasets.conversion.builder import FACTS, unreadable_in
from kerasfuse.datasets.conversion.unreadable import counts, line
from kerasfuse.datasets.own_data.splits import ALL

_MOST_NAMED = 5


def gather(source, pieces):
    """Sum up the indices of all pieces into values that JSON can hold.

    Args:
        source: `Source`.
        pieces: dict of split to a list of `(path, index)`.

    Returns:
        Dict with, by split, the number of samples and the dropped ones; by modality the steps,
        padding side and cleaned values; clipped labels; samples that are in two splits; samples
        whose files cannot be used; notes.
    """
    indices = {split: [index for _, index in parts] for split, parts in pieces.items()}
    everything = [index for parts in indices.values() for index in parts]
    unreadable = [one for index in everything for one in unreadable_in(index)]
    return {
        "samples": {s: sum(len(i["ids"]) for i in parts) for s, parts in indices.items()},
        "dropped": {
            s: [name for i in parts for name in i["dropped"].tolist()]
            for s, parts in indices.items()
        },
        "modalities": {
            name: _modality(name, field, everything) for name, field in source.fields.items()
        },
        "clipped": int(sum(index["clipped"] for index in everything)),
        "duplicates": _duplicates(indices),
        "sizes": _sizes(source, unreadable),
        "unreadable": unreadable,
        "notes": [*source.notes, *_sample_notes(everything)],
    }


def text(name, facts, whole=False):
    """Write the report as lines.

    Args:
        name: the data set.
        facts: what is stored beside its records.
        whole: whether all samples whose files cannot be used are listed, or the first.
    """
    found = facts["report"]
    # Files that name no split are in one, which is divided when they are read.
    counts = ", ".join(
        f"{count:,}" if split == ALL else f"{count:,} {split}"
        for split, count in found["samples"].items()
    )
    lines = [f"{name}: converted {counts} samples."]
    for modality, told in found["modalities"].items():
        line = f"  {modality} {told['width']}"
        if "steps" in told:
            low, middle, high = told["steps"]
            line += f": {low} to {high} steps, median {middle}, "
            line += "no padding" if told["padding"] == "nowhere" else f"padded {told['padding']}"
        if told["cleaned"]:
            line += f"; {told['cleaned']:,} values that were not finite are now 0"
        if told["absent"]:
            line += f"; absent in {told['absent']:,} samples"
        lines.append(f"{line}.")
    if found["clipped"]:
        low, high = facts["label_range"]
        lines.append(f"  {found['clipped']:,} labels were clipped to [{low:g}, {high:g}].")
    for split, dropped in found["dropped"].items():
        if dropped:
            lines.append(f"  left out of {split}, {len(dropped):,} samples: {_some(dropped)}.")
    lines += _unreadable_lines(found.get("unreadable", []), sum(found["samples"].values()), whole)
    for splits, ids in found["duplicates"].items():
        lines.append(f"  in {splits} at the same time, {len(ids):,} samples: {_some(ids)}.")
    if found["sizes"]:
        lines.append(f"  {found['sizes']}")
    lines += [f"  {note}" for note in found["notes"]]
    return "\n".join(lines)


def _unreadable_lines(listed, kept, whole):
    if not listed:
        return []
    shown = listed if whole else listed[:_MOST_NAMED]
    lines = [
        f"  left out, {len(listed):,} of {kept + len(listed):,} samples, whose files cannot be "
        f"used: {counts(listed)}.",
        *(f"    {line(one)}" for one in shown),
    ]
    if len(shown) < len(listed):
        lines.append(f"    ... `kerasfuse convert` lists all of them; so does {FACTS}.")
    return lines


def _sample_notes(indices):
    """Join what samples say alike into one sentence, with their number and the first details."""
    details = collections.defaultdict(list)
    for index in indices:
        for note, detail in index["notes"]:
            details[str(note)].append(str(detail))
    return [f"{note}, {len(some):,} samples: {_some(some)}." for note, some in details.items()]


def _some(names):
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _modality(name, field, indices):
    lengths = np.concatenate([index[f"lengths:{name}"] for index in indices])
    front, behind, cleaned, absent = np.sum([index[f"counts:{name}"] for index in indices], axis=0)
    shape = field.shape[1:] if field.is_sequence else field.shape
    told = {
        "width": " x ".join(map(str, shape)) or "ids",
        "cleaned": int(cleaned),
        "absent": int(absent),
    }
    if field.is_sequence and lengths.any():
        present = lengths[lengths > 0]
        told["steps"] = [int(present.min()), int(np.median(present)), int(present.max())]
        # A real sequence may begin or end with a missing frame; padding is what most have.
        told["padding"] = (
            "nowhere" if not front + behind else "in front" if front > behind else "behind"
        )
        if min(front, behind) > 0.1 * len(present):
            told["padding"] = "on both sides"
    return told


def _duplicates(indices):
    """Find samples of two splits that have one id, or the same features."""
    found = {}
    splits = list(indices)
    for i, first in enumerate(splits):
        for second in splits[i + 1 :]:
            alike = set()
            for key in ("ids", "digests"):
                seen = collections.defaultdict(list)
                for index in indices[first]:
                    for value, name in zip(index[key], index["ids"], strict=True):
                        seen[value].append(name)
                for index in indices[second]:
                    alike |= {
                        str(name)
                        for value, name in zip(index[key], index["ids"], strict=True)
                        if value in seen
                    }
            if alike:
                found[f"{first} and {second}"] = sorted(alike)
    return found


def _sizes(source, unreadable):
    """Tell where the numbers of samples are not the known ones; empty where they are."""
    if not source.known_sizes:
        return ""
    lost = collections.Counter(one["split"] for one in unreadable)
    sizes = {split: count - lost[split] for split, (count, _) in source.splits.items()}
    if sizes == source.known_sizes:
        return ""
    return (
        f"The known split sizes are {_counts(source.known_sizes)}; these files have "
        f"{_counts(sizes)}."
    )


def _counts(sizes):
    return "/".join(str(size) for size in sizes.values())
