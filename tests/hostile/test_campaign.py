"""The campaign: of thousands of hostile and broken files, none may end in another way than two."""

import os
import pathlib

import pytest
from hostile import campaign
from hostile.sandbox import Sandbox

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


@pytest.mark.hostile
def test_the_whole_campaign(good):
    sandboxes = [Sandbox() for _ in os.sched_getaffinity(0)]
    try:
        outcomes = list(campaign.run(campaign.cases(), good, sandboxes))
    finally:
        for sandbox in sandboxes:
            sandbox.close()
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(campaign.table(outcomes), encoding="utf-8")
    assert not bad(outcomes), f"{len(bad(outcomes))} cases ended badly: see {TABLE}"
