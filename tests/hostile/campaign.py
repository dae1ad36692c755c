"""The campaign: hostile and broken files from seeds, over every reader, and what became of each.

A case is a function that runs in a sandbox, with arguments: a reader, a way to break a file, and a
seed. So each case can be repeated by itself. What else meets the world has cases of its own:
command lines, conversations with a server, and kills of whatever writes files.
"""

import collections
import pathlib
import random
import shutil

from hostile import command_lines, hdf5_attacks, hub_talks, kills, mutations, pickle_attacks
from hostile.readers import HDF5, PICKLE, READERS
from hostile.sandbox import ACCEPTED, GOOD, KINDS, WRONG, run_all

READ, REFER = "hostile.campaign:read", "hostile.campaign:refer"
# How often the files of a reader are broken in each way that takes a seed.
PICKLES = {"program": 150, "opcodes": 250, "bytes": 100}
OF_HDF5 = {"bytes": 350}
OF_OTHERS = {"bytes": 150}
# What else is made from seeds, a function of a seed each: how many of each, and the seconds of the
# processor that one may take. A killed command runs twice or three times.
LINES, TALKS, KILLS = "command lines", "hub", "kills"
# Seconds for all commands that are killed, run once each.
_PREPARED = 300.0
OTHERS = {LINES: (500, 20.0), TALKS: (300, 20.0), KILLS: (210, 60.0)}
_CALLS = {
    LINES: "hostile.command_lines:run",
    TALKS: "hostile.hub_talks:talk",
    KILLS: "hostile.kills:run",
}


def cases(part=1.0, seed=0):
    """List the cases; a part of them is spread over all readers and all ways.

    Args:
        part: how many of them.
        seed: another one gives other cases, but for those written by hand.
    """
    found, first = [], seed * 1_000_000
    for name, reader in READERS.items():
        if reader.kind == PICKLE:
            counts = PICKLES
            whole = [("by hand", attack) for attack in pickle_attacks.attacks()]
        elif reader.kind == HDF5:
            counts = OF_HDF5
            whole = [("by hand", change) for change in hdf5_attacks.CHANGES]
        else:
            counts, whole = OF_OTHERS, []
        seeds = [(way, first + i) for way, count in counts.items() for i in range(count)]
        whole += [("no file", kind) for kind in mutations.NO_FILES]
        kept = random.Random(name).sample(seeds, max(1, round(part * len(seeds))))
        whole = whole if part == 1.0 else whole[:: max(1, round(1 / part))]
        found += [{"reader": name, "way": way, "seed": seed} for way, seed in kept + whole]
    return found


def other_cases(kind, count=None, seed=0):
    """List the cases of command lines, of conversations or of kills."""
    first = seed * 1_000_000
    numbers = range(first, first + (OTHERS[kind][0] if count is None else count))
    names = list(kills.COMMANDS)
    return [
        {"reader": kind, "way": names[i % len(names)] if kind == KILLS else "seed", "seed": i}
        for i in numbers
    ]


def prepare_others(folder):
    """Write the folders that command lines and conversations start from."""
    lines, talks = (pathlib.Path(folder, folder_of(kind)) for kind in (LINES, TALKS))
    command_lines.prepare(lines)
    hub_talks.prepare(lines / "run", talks)


def prepare_kills(found, folder, sandbox):
    """Write the folders that kills start from, once those of command lines are there.

    It forks, which only a process of one thread may do.
    """
    lines, killed = (pathlib.Path(folder, folder_of(kind)) for kind in (LINES, KILLS))
    names = list(dict.fromkeys(case["way"] for case in found))
    arguments = {"good": str(lines.absolute()), "folder": str(killed.absolute()), "names": names}
    outcome = sandbox.run("hostile.kills:prepare", arguments, _PREPARED)
    if not outcome.is_good:
        raise RuntimeError(f"the commands to kill do not run: {outcome}")


def run_others(found, good, sandboxes):
    """Run cases of one kind, and yield each with its `Outcome`."""
    kind = found[0]["reader"]
    if kind == KILLS:
        prepare_kills(found, good, sandboxes[0])
    place = str(pathlib.Path(good, folder_of(kind)))
    calls = []
    for case in found:
        arguments = {"seed": case["seed"], "good": place}
        of_kill = {"command": case["way"]} if kind == KILLS else {}
        calls.append((_CALLS[kind], arguments | of_kill))
    by_seed = {case["seed"]: case for case in found}
    for (_, arguments), outcome in run_all(calls, sandboxes, OTHERS[kind][1]):
        yield by_seed[arguments["seed"]], outcome


def prepare(folder):
    """Write good files of every reader into folders, from which each case takes a copy."""
    for name, reader in READERS.items():
        place = pathlib.Path(folder, folder_of(name))
        place.mkdir(parents=True)
        try:
            files = reader.make(place)
        except ImportError:  # of an extra
            shutil.rmtree(place)
            continue
        (place / "files.txt").write_text("\n".join(files))


def run(found, good, sandboxes):
    """Run cases, and yield each with its `Outcome`.

    Args:
        found: list of cases.
        good: the folder that `prepare` filled.
        sandboxes: list of `Sandbox`.
    """
    ready = [case for case in found if (pathlib.Path(good) / folder_of(case["reader"])).exists()]
    calls = [(READ, case | {"good": str(good)}) for case in ready]
    again = []
    for (_, case), outcome in run_all(calls, sandboxes):
        if outcome.kind == ACCEPTED and READERS[case["reader"]].reference:
            again.append((case, outcome))
        else:
            yield case, outcome
    # What was accepted, compared with what the library that the format is from makes of it.
    wanted = {_key(case): outcome for case, outcome in again}
    for (_, case), reference in run_all([(REFER, case) for case, _ in again], sandboxes):
        outcome = wanted[_key(case)]
        if reference.kind == ACCEPTED and reference.told not in (None, outcome.told):
            outcome.kind, outcome.told = WRONG, "other data than the library of the format reads"
        yield case, outcome


def _key(case):
    return case["reader"], case["way"], case["seed"]


def folder_of(name):
    """Name the folder of a reader's good files."""
    return "".join(c if c.isalnum() else "_" for c in name)


# In the sandbox.


def read(reader, way, seed, good):
    """Break a file of a reader, and read it."""
    folder, file = _broken(reader, way, seed, good)
    return READERS[reader].read(folder, file)


def refer(reader, way, seed, good):
    """Break the file in the same way, and read it by the library that its format is from."""
    folder, file = _broken(reader, way, seed, good)
    try:
        return READERS[reader].reference(folder, file)
    except Exception:  # the library refuses what we accept, or cannot be asked
        return None


def _broken(reader, way, seed, good):
    folder = pathlib.Path("case").absolute()
    shutil.copytree(pathlib.Path(good, folder_of(reader)), folder)
    files = (folder / "files.txt").read_text().splitlines()
    rng = random.Random(f"{reader} {way} {seed}")
    file = rng.choice(files)
    path = folder / file
    if way == "by hand" and READERS[reader].kind == HDF5:
        hdf5_attacks.apply(seed, path, folder.parent / "secret")
    elif way == "by hand":
        path.write_bytes(pickle_attacks.attacks()[seed][0])
    elif way == "no file":
        mutations.NO_FILES[seed](path)
    elif way == "program":
        path.write_bytes(mutations.program(rng.getrandbits(32)))
    elif way == "opcodes":
        path.write_bytes(mutations.pickle(path.read_bytes(), rng.getrandbits(32)))
    elif way == "bytes":
        path.write_bytes(mutations.broken(path.read_bytes(), rng.getrandbits(32)))
    return folder, file


# The table.


def table(outcomes):
    """Write the counts of outcomes, a row a reader, and below the cases that ended badly."""
    counts = collections.defaultdict(collections.Counter)
    for case, outcome in outcomes:
        counts[case["reader"]][outcome.kind] += 1
        counts["all"][outcome.kind] += 1
    names = [*[name for name in (*READERS, *OTHERS) if name in counts], "all"]
    rows = [["reader", "cases", *KINDS]]
    rows += [[n, sum(counts[n].values()), *[counts[n][kind] for kind in KINDS]] for n in names]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(str(x).rjust(w) for x, w in zip(row, widths, strict=True)) for row in rows]
    bad = [(case, outcome) for case, outcome in outcomes if outcome.kind not in GOOD]
    lines += ["", *[_line(case, outcome) for case, outcome in bad]]
    slowest = sorted(outcomes, key=lambda pair: -pair[1].seconds)[:5]
    lines += ["", "slowest:", *[_line(case, outcome) for case, outcome in slowest]]
    return "\n".join(lines) + "\n"


def _line(case, outcome):
    told = " ".join(str(outcome.told).split())[:300]
    named = f"{case['reader']}, {case['way']}, {case['seed']}"
    return f"{named}: {outcome.kind} in {outcome.seconds} s: {told}"
