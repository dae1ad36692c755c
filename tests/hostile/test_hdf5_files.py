"""HDF5 files that lead elsewhere or declare too much: every reader refuses them."""

import re

import h5py
import numpy as np
import pytest
from hostile import campaign, hdf5_attacks
from hostile.sandbox import REFUSED

# What is refused by whoever reads the array, and the words that tell why.
REFUSED_CHANGES = {
    "external link": "is a link to another file",
    "external storage": "lies in another file",
    "virtual dataset": "is a view of other files",
    "virtual dataset of itself": "is a view of other files",
    "soft link": "is a link by name",
    "soft link to itself": "is a link by name",
    "hard link to its group": "is a group that lies in two places",
    "deep groups": "lies more than 32 groups deep",
    "many ways": "is a group that lies in two places",
    "null dataspace": "an array without a shape",
    "shape bomb": "bytes, of which",
    "contiguous bomb": "bytes, of which",
    "empty bomb": "bytes, of which",
    "gzip bomb": "bytes, of which",
    "gzip chunk bomb": "a chunk of .* that becomes more",
    "gzip twice": "compressed twice",
    "scaleoffset": "the filter 6",
    "complex": "values of another kind|complex numbers",
    "compound": "values of another kind|complex numbers",
    "references": "values of another kind",
    "ragged": "values of another kind",
    "opaque": "values of another kind|no numbers",
    "arrays": "values of another kind",
}
LEADS_OUT = [
    *("external link", "external storage", "virtual dataset", "virtual dataset of itself"),
    *("soft link", "hard link to its group", "deep groups"),
]
MISSING = "a group|features and intervals|one array|do not fit"


@pytest.mark.parametrize("change", REFUSED_CHANGES)
def test_a_change_is_refused(sandbox, good, change):
    assert_refused(sandbox, good, "hdf5", change)


@pytest.mark.parametrize("change", LEADS_OUT)
@pytest.mark.parametrize("name", ["mosei (.csd)", "ave", "weights"])
def test_no_reader_is_led_elsewhere(sandbox, good, name, change):
    assert_refused(sandbox, good, name, change)


@pytest.mark.parametrize("name", ["mosei (.csd)", "ave", "weights"])
def test_a_group_is_no_array(sandbox, good, name):
    assert_refused(sandbox, good, name, "group")


@pytest.mark.parametrize("change", ["NaN", "infinite", "complex", "gzip chunk bomb"])
def test_weights_are_refused(sandbox, good, change):
    assert_refused(sandbox, good, "weights", change)


def assert_refused(sandbox, good, name, change):
    case = {"reader": name, "way": "by hand", "seed": change, "good": str(good)}
    outcome = sandbox.run(campaign.READ, case)
    assert outcome.kind == REFUSED, outcome
    told = {"group": MISSING, **REFUSED_CHANGES}.get(change, "finite")
    assert re.search(told, outcome.told), outcome.told


def test_the_changes_are_what_they_say(sandbox, good, tmp_path):
    """HDF5 itself follows each that leads out: the array is of somebody's file."""
    for change in ("external link", "external storage", "virtual dataset"):
        path = tmp_path / f"{change}.h5"
        with h5py.File(path, "w") as file:
            file["x"] = np.zeros((4, 5), "f4")
        hdf5_attacks.apply(change, path, tmp_path / f"{change}.secret")
        with h5py.File(path) as file:
            assert hdf5_attacks.holds_secret(file["x"][()])
