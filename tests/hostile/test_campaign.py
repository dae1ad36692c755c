"""The campaign: of thousands of hostile and broken files, none may end in another way than two."""

import os
import pathlib

import pytest
from hostile import campaign
from hostile.sandbox import Sandbox

from kerasfuse.zoo import catalogue

TABLE = pathlib.Path(__file__).parents[2] / "build" / "hostile.txt"
# Of all cases, those that are run with the other tests.
PART = 0.01


def bad(outcomes):
    return [(case, outcome) for case, outcome in outcomes if not outcome.is_good]


def test_a_part_of_the_campaign(sandbox, good):
    outcomes = list(campaign.run(campaign.cases(PART), good, [sandbox]))
    assert {case["reader"] for case, _ in outcomes} >= {"pickle", "hdf5", "weights"}
    assert not bad(outcomes), campaign.table(outcomes)


def test_the_good_files_are_read(sandbox, good):
    for name in campaign.READERS:
        if not (good / campaign.folder_of(name)).exists():
            continue
        case = {"reader": name, "way": "not at all", "seed": 0}
        ((_, outcome),) = campaign.run([case], good, [sandbox])
        assert outcome.kind == campaign.ACCEPTED, (name, outcome)


def test_cases_are_the_same_each_time():
    assert campaign.cases(0.1) == campaign.cases(0.1)
    kinds = [campaign.READERS[case["reader"]].kind for case in campaign.cases()]
    assert kinds.count(campaign.PICKLE) >= 1_000 and len(kinds) - kinds.count("pickle") >= 2_000


# How many of each are run with the other tests.
FEW = {campaign.LINES: 12, campaign.TALKS: 12, campaign.KILLS: 3}


@pytest.mark.parametrize("kind", FEW)
def test_a_part_of_what_else_meets_the_world(sandbox, good_others, kind, monkeypatch):
    found = campaign.other_cases(kind, FEW[kind])
    monkeypatch.setattr(catalogue, "FOLDER", catalogue.FOLDER)  # kills set it
    outcomes = list(campaign.run_others(found, good_others, [sandbox]))
    assert len(outcomes) == FEW[kind] and not bad(outcomes), campaign.table(outcomes)


def test_there_are_as_many_as_are_promised():
    counts = {kind: len(campaign.other_cases(kind)) for kind in campaign.OTHERS}
    assert counts[campaign.LINES] >= 500 and counts[campaign.TALKS] >= 300
    kills = campaign.other_cases(campaign.KILLS)
    assert len(kills) >= 200 and {case["way"] for case in kills} == set(campaign.kills.COMMANDS)


@pytest.mark.hostile
def test_the_whole_campaign(good, good_others):
    seed = int(os.environ.get("HOSTILE_SEED", 0))
    sandboxes = [Sandbox() for _ in os.sched_getaffinity(0)]
    try:
        outcomes = list(campaign.run(campaign.cases(seed=seed), good, sandboxes))
        for kind in campaign.OTHERS:
            found = campaign.other_cases(kind, seed=seed)
            outcomes += campaign.run_others(found, good_others, sandboxes)
    finally:
        for sandbox in sandboxes:
            sandbox.close()
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(campaign.table(outcomes), encoding="utf-8")
    assert not bad(outcomes), f"{len(bad(outcomes))} cases ended badly: see {TABLE}"
