"""Pickles that ask for memory, time or calls: each is refused with a sentence."""

import re

import pytest
from hostile import pickle_attacks
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
