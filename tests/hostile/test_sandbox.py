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
    found = {}
    for name, kind in ENDS.items():
        # Only what never ends is given little time: an interpreter that crashes can be slow.
        limit = {"seconds": 1.0} if kind == TIME_OUT else {}
        found[name] = sandbox.run(f"hostile.bad_readers:{name}", {}, **limit)
    assert {name: outcome.kind for name, outcome in found.items()} == ENDS
    assert found["accept"].told == "what was read"
    assert "KeyError" in found["trip"].told
