"""The sandbox counts each way to end, and goes on."""

from hostile.sandbox import (
    ACCEPTED,
    CRASHED,
    EXECUTED,
    MEMORY_OUT,
    REFUSED,
    TIME_OUT,
    TRACE,
    WRONG,
    run_all,
)

ENDS = {
    "accept": ACCEPTED,
    "refuse": REFUSED,
    "be_silent": TRACE,
    "trip": TRACE,
    "execute": EXECUTED,
    "leave_a_mark": EXECUTED,
    "read_wrongly": WRONG,
    "crash": CRASHED,
    "leave": CRASHED,
    "recurse": CRASHED,
    "fill_memory": MEMORY_OUT,
    "never_end": TIME_OUT,
}


def test_each_end_is_counted(sandbox):
    cases = {name: (f"hostile.bad_readers:{name}", {}) for name in ENDS}
    # Only what never ends is given little time: an interpreter that crashes can be slow.
    outcomes = [*run_all([cases.pop("never_end")], [sandbox], seconds=1.0)]
    outcomes += run_all(cases.values(), [sandbox])
    found = {case[0].partition(":")[2]: outcome for case, outcome in outcomes}
    assert {name: outcome.kind for name, outcome in found.items()} == ENDS
    assert found["accept"].told == "what was read"
    assert "KeyError" in found["trip"].told
