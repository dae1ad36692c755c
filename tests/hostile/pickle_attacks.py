"""Pickles that somebody wrote by hand: each asks for something that no data need."""

import functools
import pickle
import struct

# Opcodes, by the names that the documentation of pickletools gives them.
PROTO2, PROTO4, STOP, MARK = b"\x80\x02", b"\x80\x04", b".", b"("
LIST, DICT, SET, TUPLE = b"]", b"}", b"\x8f", b")"


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def raw(data):
    return b"B" + struct.pack("<I", len(data)) + data


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(data)) + data


def tuple_of(*items):
    return MARK + b"".join(items) + b"t"


def call(name, *arguments):
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n".encode() + tuple_of(*arguments) + b"R"


def name(full):
    module, _, last = full.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def dtype(spec, order="|", flags=0):
    made = call("numpy.dtype", text(spec), b"\x89", b"\x88")
    rest = (b"N", b"N", b"N", integer(-1), integer(-1), integer(flags))
    return made + tuple_of(integer(3), text(order), *rest) + b"b"


def array(shape, spec, data, fortran=False, dtype_=None):
    """Pickle an array as numpy does: an empty one, and a state with whatever is given."""
    empty = call(
        "numpy.core.multiarray._reconstruct",
        name("numpy.ndarray"),
        tuple_of(integer(0)),
        raw(b"b"),
    )
    sizes = tuple_of(*map(integer, shape))
    state = (integer(1), sizes, dtype_ or dtype(spec), b"\x88" if fortran else b"\x89", data)
    return empty + tuple_of(*state) + b"b"


def list_of(*items):
    return LIST + MARK + b"".join(items) + b"e"


def whole(*parts):
    return PROTO2 + b"".join(parts) + STOP


COLLIDING = 2**61 - 1


@functools.cache
def attacks():
    """Give the pickles by name, and what each is refused for."""
    pointers = raw(b"A" * 8000)
    shared = [LIST + b"q\x00"]
    for level in range(1, 30):  # each holds the one before twice: 2 ** 30 values
        shared.append(LIST + b"h" + bytes([level - 1]) + b"a" + b"h" + bytes([level - 1]) + b"a")
        shared.append(b"q" + bytes([level]))
    deep_key = TUPLE + b"\x85" * 100_000
    return {
        # Memory that is not the file's.
        "objects short of their shape": (
            whole(array((1000,), "O8", list_of(integer(1)))),
            "what its dtype and shape do not say",
        ),
        "objects short of their shape, after a heap of bytes": (
            whole(pointers, b"0", array((2000,), "O8", list_of(*[b"N"] * 10))),
            "what its dtype and shape do not say",
        ),
        "an array that is its own value": (
            whole(
                call(
                    "numpy.core.multiarray._reconstruct",
                    name("numpy.ndarray"),
                    tuple_of(integer(0)),
                    raw(b"b"),
                )
                + b"q\x00"
                + tuple_of(
                    integer(1), tuple_of(integer(1)), dtype("O8"), b"\x89", list_of(b"h\x00")
                )
                + b"b"
            ),
            "an array without its values",
        ),
        "bytes for objects": (whole(array((1,), "O8", raw(b"A" * 8))), "dtype and shape do not"),
        "bytes for objects by flags": (
            whole(array((1,), "O8", raw(b"A" * 8), dtype_=dtype("O8", flags=0))),
            "dtype and shape do not",
        ),
        "a scalar that is an object": (
            whole(call("numpy.core.multiarray.scalar", dtype("O8"), raw(b"A" * 8))),
            "a number that is an object",
        ),
        "a scalar of too few bytes": (
            whole(call("numpy.core.multiarray.scalar", dtype("f8"), raw(b"A"))),
            "dtype and shape do not",
        ),
        "numbers short of their shape": (
            whole(array((10**6, 10**6), "f8", raw(b"A" * 80))),
            "dtype and shape do not",
        ),
        "a shape that overflows": (
            whole(array((2**32, 2**32, 2**32), "f8", raw(b""))),
            "dtype and shape do not",
        ),
        "a shape below zero": (whole(array((-1,), "f8", raw(b"A" * 8))), "an array of shape"),
        "a structured dtype": (
            whole(array((1,), "V8", raw(b"A" * 8))),
            "the dtype 'V8'",
        ),
        "a dtype of a gigabyte": (
            whole(array((1,), "S999999999", raw(b"A"))),
            "dtype and shape do not|the dtype",
        ),
        "a dtype of no bytes": (
            whole(array((10**9,), "S0", raw(b""))),
            "whose values have no bytes",
        ),
        "an array without values and without an end": (
            whole(array((10**15, 0), "f8", raw(b""))),
            "which has no values",
        ),
        "characters that do not exist": (
            whole(array((1,), "U1", raw(b"\xff\xff\xff\xff"))),
            "a character that does not exist",
        ),
        "a state for a list": (whole(LIST, DICT, b"b"), "a change in a list"),
        "a state for a name": (
            whole(name("numpy.dtype"), b"N", DICT, text("evil"), b"K\x01s\x86b"),
            "a change of 'evil' in numpy.dtype",
        ),
        "arrays in arrays": (
            PROTO2 + _nested_arrays(200_000) + STOP,
            "arrays in arrays",
        ),
        # Bombs.
        "a place in the memo": (PROTO2 + b"Nr\xff\xff\xff\x7f.", None),
        "a place in the memo, by a line": (b"Np99999999999999999999\n.", None),
        "texts that are announced": (PROTO2 + b"X\xff\xff\xff\x7f.", "bytes wanted"),
        "bytes that are announced": (
            PROTO4 + b"\x8e" + struct.pack("<Q", 2**62) + b".",
            "bytes wanted",
        ),
        "a bytearray that is announced": (
            b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
            "bytes wanted",
        ),
        "a frame that is announced": (
            PROTO4 + b"\x95" + struct.pack("<Q", 2**50) + b"N.",
            "within a frame",
        ),
        "an integer that is announced": (
            PROTO2 + b"\x8b" + struct.pack("<i", 2**30) + b"\x01.",
            "an integer of",
        ),
        "an integer of a million digits": (
            PROTO2 + b"L" + b"9" * 1_000_000 + b"L\n.",
            "a number or name of more than",
        ),
        "two integers below zero": (PROTO2 + b"T\xff\xff\xff\xff.", "bytes wanted"),
        "an index of two billion": (
            whole(
                call(
                    "pandas.core.indexes.base._new_Index",
                    name("pandas.core.indexes.range.RangeIndex"),
                    DICT
                    + MARK
                    + b"".join(
                        text(key) + integer(value)
                        for key, value in (("start", 0), ("stop", 2 * 10**9), ("step", 1))
                    )
                    + b"u",
                )
            ),
            "more values than a file",
        ),
        "an index of nested lists": (
            whole(
                *shared[:-1],
                call(
                    "pandas.core.indexes.base._new_Index",
                    name("pandas.core.indexes.base.Index"),
                    DICT + text("data") + b"h" + bytes([28]) + b"s",
                ),
            ),
            "an index of what is no array",
        ),
        "lists that share lists": (whole(*shared), "more values than a file"),
        "a list in itself": (PROTO2 + b"]q\x00h\x00a.", "inside itself"),
        "lists in lists": (PROTO2 + LIST * 100_000 + b"a" * 99_999 + STOP, "nested more than"),
        "tuples in tuples": (PROTO2 + TUPLE + b"\x85" * 3_000_000 + STOP, "nested more than"),
        "marks in marks": (PROTO2 + MARK * 3_000_000 + STOP, "nested 1,000 deep"),
        "dicts in dicts": (
            PROTO2 + (DICT + b"N") * 100_000 + DICT + b"s" * 100_000 + STOP,
            "nested more than",
        ),
        "a deep key": (whole(DICT, deep_key, b"Ns"), "a key that is"),
        "a deep key of a set": (PROTO4 + SET + MARK + deep_key + b"\x90.", "a key that is"),
        "a deep persistent object": (PROTO2 + deep_key + b"Q.", "a persistent object"),
        "a key that is shared tuples": (
            whole(
                TUPLE + b"q\x00",
                *[
                    b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                    for i in range(60)
                ],
                b"0}h\x3cNs",
            ),
            "a key that is",
        ),
        "a persistent object that is shared tuples": (
            whole(
                TUPLE + b"q\x00",
                *[
                    b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                    for i in range(60)
                ],
                b"Q",
            ),
            "a persistent object",
        ),
        "a dtype that is shared tuples": (
            whole(
                TUPLE + b"q\x00",
                *[
                    b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                    for i in range(60)
                ],
                b"0",
                b"cnumpy\ndtype\nh\x3c\x85R",
            ),
            "the dtype",
        ),
        "keys that collide": (
            whole(DICT, MARK, *[integer(i * COLLIDING) + b"N" for i in range(1, 120_000)], b"u"),
            "the same hash",
        ),
        "members that collide": (
            PROTO4
            + SET
            + MARK
            + b"".join(integer(i * COLLIDING) for i in range(1, 120_000))
            + b"\x90.",
            "the same hash",
        ),
        "millions of sets": (PROTO4 + LIST + MARK + SET * 12_000_000 + b"e.", "more objects than"),
        "millions of copies": (
            whole(
                list_of(*[b"N"] * 100_000),
                b"q\x00",
                MARK,
                *[b"c__builtin__\nlist\nh\x00\x85R"] * 5_000,
                b"l",
            ),
            "more objects than",
        ),
        "millions of encoded texts": (
            whole(
                text("a" * 1_000_000),
                b"q\x00",
                MARK,
                *[b"c_codecs\nencode\nh\x00\x85R"] * 20_000,
                b"l",
            ),
            "more objects than",
        ),
        "a table of no end": (
            whole(
                call(
                    "pandas.core.internals.managers.BlockManager",
                    tuple_of(),
                    list_of(
                        *[
                            call(
                                "pandas.core.indexes.base._new_Index",
                                name("pandas.core.indexes.range.RangeIndex"),
                                DICT
                                + MARK
                                + text("start")
                                + integer(0)
                                + text("stop")
                                + integer(2 * 10**9)
                                + b"u",
                            )
                        ]
                        * 2
                    ),
                ),
                b"q\x01",
                b"0cpandas.core.frame\nDataFrame\n)R",
                DICT,
                text("_mgr"),
                b"h\x01sb",
            ),
            "do not fill",
        ),
        # What would be run.
        **{
            f"{called} by {how}": (data, f"asks for {called.replace('.', '[.]')}")
            for called in ("os.system", "builtins.eval", "builtins.exec", "posix.system")
            for how, data in _calls(called).items()
        },
        "a name of a million characters": (
            PROTO4 + text("a" * 1_000_000) + text("b" * 1_000_000) + b"\x93.",
            r"asks for a{100}.*\.\.\.",
        ),
        "a name in surrogates": (
            PROTO4 + text("\ud800") + text("x\n\x1b[31m") + b"\x93.",
            r"ud800",
        ),
        "numpy's own loader": (whole(call("numpy.load", text("a.npy"))), "asks for numpy.load"),
        "an extension": (PROTO2 + b"\x82\x01.", "a registry of extensions"),
        "a buffer elsewhere": (b"\x80\x05\x97.", "a buffer that lies elsewhere"),
        "a codec": (
            whole(call("_codecs.encode", text("a"), text("zip"))),
            "the encoding 'zip'",
        ),
    }


def _nested_arrays(levels):
    """Pickle arrays of one object, each the value of the next: to free them takes a deep stack."""
    again = array((1,), "O8", LIST + b"h\x00a") + b"q\x000"
    return b"Nq\x000" + again * levels + b"h\x00"


def _calls(called):
    module, _, function = called.rpartition(".")
    command = {"system": "touch executed"}.get(function, "open('executed', 'w')")
    line = f"{module}\n{function}\n".encode()
    return {
        "REDUCE": b"c" + line + tuple_of(text(command)) + b"R.",
        "STACK_GLOBAL": PROTO4
        + text(module)
        + text(function)
        + b"\x93"
        + tuple_of(text(command))
        + b"R.",
        "INST": MARK + text(command) + b"i" + line + b".",
        "OBJ": MARK + b"c" + line + text(command) + b"o.",
        "NEWOBJ": PROTO2 + b"c" + line + tuple_of(text(command)) + b"\x81.",
        "NEWOBJ_EX": PROTO4 + b"c" + line + tuple_of(text(command)) + b"}\x92.",
        "a dict's key": PROTO2 + b"}c" + line + tuple_of(text(command)) + b"RNs.",
        "a state": PROTO2 + b"cnumpy\ndtype\n" + text("f8") + b"\x85Rc" + line + b"b.",
        "an array": pickle.dumps([1.5], 2)[:-1] + b"c" + line + tuple_of(text(command)) + b"Ra.",
    }
