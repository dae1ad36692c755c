"""Pickles that ask for memory, time or calls: each is refused with a sentence."""

import re

import numpy as np
import pytest
from hostile import pickle_attacks, readers
from hostile.sandbox import REFUSED

ATTACKS = pickle_attacks.attacks()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(sandbox, tmp_path, name):
    data, told = ATTACKS[name]
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    outcome = sandbox.run("hostile.readers:read_pickle", {"path": str(path)})
    if told is None:  # harmless where nothing believes it
        assert outcome.is_good, outcome
        return
    assert outcome.kind == REFUSED, outcome
    assert re.search(told, outcome.told) and len(outcome.told) < 700 + len(str(path)), outcome.told
    assert outcome.told.isprintable()


def test_a_true_that_is_another_byte_is_the_same_data():
    damaged = np.array([65, 0], "u1").view(bool)
    assert readers.digest(damaged) == readers.digest(np.array([True, False]))
    assert readers.digest(damaged) != readers.digest(np.array([True, True]))
