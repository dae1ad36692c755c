"""Files that were good once: cut off, with other bits, with parts moved about. From seeds."""

import os
import pickletools
import random

from hostile import pickle_attacks as by_hand

# Numbers at which something begins or ends.
_EDGES = (0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**61 - 1, 2**63 - 1)
_MOST_CHANGES = 6


def _in_place(make):
    def replace(path):
        path.unlink()
        make(path)

    return replace


# What may lie where a file should: functions of its path.
NO_FILES = {
    "pipe": _in_place(os.mkfifo),
    "device": _in_place(lambda path: path.symlink_to("/dev/zero")),
    "folder": _in_place(lambda path: path.mkdir()),
    "link to itself": _in_place(lambda path: path.symlink_to(path)),
    "link to nowhere": _in_place(lambda path: path.symlink_to("/nowhere")),
    "empty": _in_place(lambda path: path.touch()),
    "nothing": lambda path: path.unlink(),
}


def broken(data, seed):
    """Break the bytes of a file of any format."""
    rng = random.Random(seed)
    change = rng.choice((_cut, _flip, _flip, _overwrite, _overwrite, _remove, _repeat, _lines))
    return change(data, rng)


def _cut(data, rng):
    return data[: rng.randrange(len(data))] if data else data


def _flip(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _overwrite(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        size = rng.choice((1, 2, 4, 8))
        value = rng.choice(_EDGES) if rng.random() < 0.7 else rng.getrandbits(8 * size)
        at = _place(data, rng)
        data[at : at + size] = (value % 2 ** (8 * size)).to_bytes(
            size, rng.choice(("little", "big"))
        )
    return bytes(data)


def _remove(data, rng):
    at = _place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 7, 512)) :]


def _repeat(data, rng):
    at = _place(data, rng)
    part = data[at : at + rng.choice((1, 8, 100, 512))]
    return data[:at] + part * rng.choice((2, 3, 1000)) + data[at:]


def _lines(data, rng):
    return rng.choice((data.replace(b"\n", b"\r\n"), data.replace(b"\r\n", b"\n"), data.swapcase()))


def _place(data, rng):
    """Give a place in the file, at the beginning as often as anywhere: headers are there."""
    return rng.randrange(min(len(data), 4096) if rng.random() < 0.5 else len(data))


def pickle(data, seed):
    """Break a pickle: its bytes, or its opcodes, so that more than the first one is carried out."""
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return broken(data, rng.getrandbits(32))
    opcodes = _split(data)
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        at = rng.randrange(len(opcodes))
        change = rng.randrange(6)
        if change == 0:
            del opcodes[at]
        elif change == 1:
            opcodes.insert(at, opcodes[rng.randrange(len(opcodes))])
        elif change == 2:
            other = rng.randrange(len(opcodes))
            opcodes[at], opcodes[other] = opcodes[other], opcodes[at]
        elif change == 3:
            opcodes.insert(at, opcode(rng))
        elif change == 4:
            opcodes[at] = opcode(rng)
        else:
            opcodes[at : at + 1] = opcodes[at : at + rng.choice((2, 10, 50))] * 2
        if not opcodes:
            break
    return b"".join(opcodes)


def _split(data):
    places = [place for _, _, place in pickletools.genops(data)]
    return [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]


_NAMES = (
    *("numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct"),
    *("numpy._core.multiarray.scalar", "numpy._core.numeric._frombuffer", "_codecs.encode"),
    *("builtins.list", "builtins.set", "builtins.bytearray", "builtins.slice", "builtins.complex"),
    *("collections.OrderedDict", "collections.defaultdict", "copyreg._reconstructor"),
    *("pandas.core.series.Series", "pandas.core.frame.DataFrame"),
    *("pandas.core.internals.managers.BlockManager", "pandas._libs.internals._unpickle_block"),
    *("pandas.core.indexes.base._new_Index", "pandas.core.indexes.range.RangeIndex"),
    *("os.system", "builtins.eval", "builtins.getattr", "numpy.load", "subprocess.run"),
)
_PLAIN = b"N\x88\x89)]}\x8f(.012tldesu\x85\x86\x87\x90\x91RboQ\x81\x92\x93\x94\x97\x98"


def opcode(rng):
    """Give one opcode with its argument."""
    kind = rng.randrange(12)
    number = rng.choice(_EDGES) if rng.random() < 0.5 else rng.randrange(300)
    if kind < 4:
        return bytes([rng.choice(_PLAIN)])
    if kind == 4:
        return by_hand.integer(rng.choice((1, -1)) * number)
    if kind == 5:
        return by_hand.text(
            rng.choice(("", "f8", "O8", "U5", "touch executed", "latin1", "a" * 300))
        )
    if kind == 6:
        return by_hand.raw(rng.randbytes(rng.choice((0, 1, 8, 16, 80))))
    if kind == 7:
        return by_hand.name(rng.choice(_NAMES))
    if kind == 8:
        return b"h" + bytes([rng.randrange(12)])
    if kind == 9:
        return b"q" + bytes([rng.randrange(12)])
    if kind == 10:
        return b"G" + rng.randbytes(8)
    return rng.choice((b"r", b"j", b"J", b"T", b"X")) + (number % 2**32).to_bytes(4, "little")


def program(seed):
    """Write a pickle that no pickler wrote: parts that fit together, and some that do not."""
    rng = random.Random(seed)
    parts = [_value(rng, 0) for _ in range(rng.randint(1, 4))]
    for _ in range(rng.randrange(4)):
        parts.insert(rng.randrange(len(parts) + 1), opcode(rng))
    return b"\x80" + bytes([rng.randrange(2, 6)]) + b"".join(parts) + b"."


def _value(rng, depth):
    kind = rng.randrange(12 if depth < 4 else 4)
    inner = lambda most=4: [_value(rng, depth + 1) for _ in range(rng.randrange(most))]  # noqa: E731
    if kind < 3:
        return opcode(rng)
    if kind == 3:
        return by_hand.text(rng.choice(("train", "text", "audio", "labels", "id", "data")))
    if kind == 4:
        return by_hand.list_of(*inner())
    if kind == 5:
        return by_hand.tuple_of(*inner())
    if kind == 6:
        items = inner(5)
        return b"}(" + b"".join(items[: len(items) // 2 * 2]) + b"u"
    if kind == 7:
        return by_hand.call(rng.choice(_NAMES), *inner())
    if kind == 8:
        return b"".join(inner(2)) + b"\x94"
    shape = tuple(rng.choice((0, 1, 2, 3, *_EDGES[3:8])) for _ in range(rng.randrange(4)))
    spec = rng.choice(("f8", "f4", "i8", "O8", "U2", "S3", "b1", "?", "V8", "M8", "f3"))
    if kind == 9:
        return by_hand.call(
            "numpy.core.multiarray.scalar", by_hand.dtype(spec), by_hand.raw(rng.randbytes(8))
        )
    size = rng.choice((0, 1, 2, 6, 8))
    data = by_hand.list_of(*[b"N"] * size) if spec == "O8" else by_hand.raw(rng.randbytes(8 * size))
    if kind == 10:
        data = _value(rng, depth + 1)
    return by_hand.array(shape or (size,), spec, data, fortran=rng.random() < 0.3)
