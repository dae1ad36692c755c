"""The world of codes is that of recorded results: its arrays do not change."""

import hashlib
import json
import pathlib

import numpy as np
import pytest

from kerasfuse import zoo
from kerasfuse.datasets import load

RECORDED = json.loads((pathlib.Path(__file__).parent / "codes.json").read_text())
SHORT = {"text": 6, "audio": 12, "vision": 10}
CASES = {
    "plain": {"like": "mosei", "typical_lengths": SHORT, "noise": 0.1},
    "imbalance": {"typical_lengths": SHORT, "imbalance": {"audio": 0.2}},
    "incongruity": {"typical_lengths": SHORT, "incongruity": 0.5},
    "missing": {
        "like": "iemocap",
        "typical_lengths": SHORT,
        "missing_frames": 0.2,
        "missing_modalities": {"audio": 0.3},
    },
    "defaults": {"like": "mosi", "data_seed": 3},
}


def fingerprint(batches):
    """Hash what a machine computes as another one does: steps, their events, signs of features.

    Last bits of features differ between processors; they move a sign once in a million numbers.
    """
    digest = hashlib.sha256(batches.checksum().encode())
    for index in range(len(batches)):
        inputs, labels = batches[index]
        for name in sorted(inputs):
            digest.update(str(inputs[name].shape).encode())
            digest.update(np.packbits(inputs[name][..., :12] > 0).tobytes())
        digest.update(np.round(labels, 3).tobytes())
    for i in range(batches.num_samples):
        for events in batches.alignment(i).values():
            digest.update(events.astype("int64").tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("case", CASES)
def test_arrays_are_those_of_before(case, split):
    batches = load("simulated", split, world="codes", num_samples=12, shuffle=False, **CASES[case])
    assert fingerprint(batches) == RECORDED[f"{case}, {split}"]


def test_entries_with_simulated_data_name_their_world():
    entries = [zoo.entry(name) for name in zoo.names() if zoo.entry(name).simulated]
    assert entries
    assert all("world" in entry.data_args for entry in entries)
