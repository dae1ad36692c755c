"""The opcodes of pickles, carried out one by one on plain data."""

import codecs
import re
import struct
import time

import numpy as np

from kerasfuse.shown import shortened, shown

_WINDOW = 2**20
# Every opcode but those that announce their length is shorter.
_LOOK_AHEAD = 16
_HIGHEST_PROTOCOL = 5
_LONGEST_LINE = 1_000
_LONGEST_INTEGER = 128  # bytes
_MOST_MARKS = 1_000
# Containers and remembered values: a few million in any file, in a large one more.
_MOST_OBJECTS = 4_000_000
_BYTES_AN_OBJECT = 2
# Bytes that take as much memory as a container.
_BYTES_LIKE_AN_OBJECT = 100
# Where all keys have the same hash, each is compared with all others. An honest one takes less
# than a microsecond.
_FEW_KEYS = 200
_KEYS_A_LOOK = 200
_SECONDS, _SECONDS_A_KEY = 0.5, 2e-6
_LONGEST_KEY = 16
_PLAIN_KEYS = frozenset({str, bytes, int, float, complex, bool, type(None)})
_MEMOIZE, _SHORT_TEXT, _TEXT, _SHORT_INTEGER = b"\x94\x8cXK"
_SHORT_GET, _SHORT_PUT, _GET, _PUT = b"hqjr"
_FLOATS = re.compile(rb"(?:G.{8})++", re.DOTALL)
_FLOAT = np.dtype([("opcode", "u1"), ("value", ">f8")])


class RefusedError(Exception):
    """What a pickle asks for and does not get, as words that follow "which asks for"."""


class Unbuilt:
    """What a pickle makes in two steps: its state comes later, in another opcode.

    Attributes:
        TOLD: what it is where it stands in the data as it is.
    """

    TOLD = "an object without its values"

    def __init__(self):
        # The numbers under which the pickle remembers it.
        self.places = []

    def build(self, state):
        """Give what stands in its place once its state is known."""
        raise NotImplementedError


class Name:
    """What stands for a function or class that a pickle names.

    Args:
        text: the name.
        call: function of the `Machine` and of the arguments in the pickle.
    """

    __slots__ = ("text", "call")

    def __init__(self, text, call):
        self.text, self.call = text, call


class Machine:
    """Carry out the opcodes of one pickle.

    Nothing that a file holds is executed, imported, hashed or printed before it is known to be
    harmless: a name is looked up by `find`, which knows stand-ins only, attributes are never set,
    and the keys of dicts and sets are plain. No length is believed before it is compared with the
    bytes that are left. What is made is counted.

    Args:
        file: a binary file, at its beginning.
        size: bytes in it.
        find: function of module and name that gives a `Name`.
    """

    def __init__(self, file, size, find):
        self._file, self._find = file, find
        # A part of the file, the place in it, and the place from which the next part is needed.
        self._data, self._at, self._enough = b"", 0, -1
        self._unread = size
        self._size = size
        self._stack, self._outer = [], []
        self._memo = {}
        self._left = _MOST_OBJECTS + size // _BYTES_AN_OBJECT
        self._seconds, self._keys = 0.0, 0
        # How deep arrays of arrays are; an array that is here lives as long as the machine.
        self.heights, self.kept = {}, []

    def run(self):
        """Give what was pickled.

        Raises:
            RefusedError: for what no data needs.
            Exception: of almost any kind, for what is no whole pickle.
        """
        try:
            while True:
                if self._at > self._enough:
                    self._fill(_WINDOW)
                self._run_window()
        except _Stop as stop:
            return stop.args[0]
        except IndexError:
            # The file ends, or the stack.
            raise EOFError(f"at byte {self._size - self._bytes_left():,}") from None

    def _run_window(self):
        """Carry out opcodes until the next part of the file is needed.

        Most opcodes of a pickle of many small things are texts, small integers, and what is
        remembered of them. They are carried out here, without a call; all others by their handler.
        """
        handlers, memo = _HANDLERS, self._memo
        data, at, last, stack = self._data, self._at, self._enough, self._stack
        while at <= last:
            code = data[at]
            if code == _MEMOIZE and not isinstance(stack[-1], Unbuilt):
                memo[len(memo)] = stack[-1]
                at += 1
            elif code == _SHORT_TEXT and (end := at + 2 + data[at + 1]) <= last:
                stack.append(str(data[at + 2 : end], "utf-8", "surrogatepass"))
                at = end
            elif (
                code == _TEXT
                and (end := at + 5 + int.from_bytes(data[at + 1 : at + 5], "little")) <= last
            ):
                stack.append(str(data[at + 5 : end], "utf-8", "surrogatepass"))
                at = end
            elif code == _SHORT_GET:
                stack.append(memo[data[at + 1]])
                at += 2
            elif code == _SHORT_PUT and not isinstance(stack[-1], Unbuilt):
                memo[data[at + 1]] = stack[-1]
                at += 2
            elif code == _GET:
                stack.append(memo[int.from_bytes(data[at + 1 : at + 5], "little")])
                at += 5
            elif code == _PUT and not isinstance(stack[-1], Unbuilt):
                memo[int.from_bytes(data[at + 1 : at + 5], "little")] = stack[-1]
                at += 5
            elif code == _SHORT_INTEGER:
                stack.append(data[at + 1])
                at += 2
            else:
                self._at = at + 1
                handlers[code](self)
                data, at, last, stack = self._data, self._at, self._enough, self._stack
        self._at = at

    def spend(self, objects):
        """Count objects that are made, and refuse more of them than a file of this size needs."""
        self._left -= objects
        if self._left < 0:
            raise RefusedError(f"more objects than a file of {self._size:,} bytes needs")

    def spend_bytes(self, count):
        """Count bytes that are made of those in the file."""
        self.spend(1 + count // _BYTES_LIKE_AN_OBJECT)

    # The file.

    def _fill(self, count):
        if len(self._memo) > self._left:
            self.spend(len(self._memo))
        new = self._file.read(min(count, self._unread)) if self._unread else b""
        self._unread = self._unread - len(new) if new else 0
        self._data = self._data[self._at :] + new
        self._at = 0
        self._enough = len(self._data) - _LOOK_AHEAD if self._unread else len(self._data)

    def _bytes_left(self):
        return self._unread + len(self._data) - self._at

    def _take(self, count):
        if not 0 <= count <= self._bytes_left():
            raise EOFError(f"{count:,} bytes wanted, {self._bytes_left():,} left")
        behind = len(self._data) - self._at
        if count > behind and count < _WINDOW:
            self._fill(_WINDOW)
            behind = len(self._data)
        if count > behind:
            # Straight from the file, so that large arrays are not copied.
            self._file.seek(-behind, 1)
            taken = self._file.read(count)
            self._unread -= count - behind
            self._data, self._at, self._enough = b"", 0, -1
        else:
            taken = self._data[self._at : self._at + count]
            self._at += count
        if len(taken) < count:
            raise EOFError(f"{count:,} bytes wanted, {len(taken):,} left")
        return taken

    def _line(self, longest=_LONGEST_LINE):
        searched = self._at
        while (end := self._data.find(b"\n", searched)) < 0:
            length = len(self._data) - self._at
            if not self._unread:
                raise EOFError("within a line")
            if longest is not None and length > longest:
                break
            self._fill(max(_WINDOW, length))
            searched = length
        if longest is not None and not 0 <= end - self._at <= longest:
            raise RefusedError(f"a number or name of more than {longest} characters")
        line = self._data[self._at : end]
        self._at = end + 1
        return line

    def _number(self, kind):
        (value,) = kind.unpack_from(self._data, self._at)
        self._at += kind.size
        return value

    # Marks, and what is remembered.

    def _mark(self):
        if len(self._outer) == _MOST_MARKS:
            raise RefusedError(f"containers nested {_MOST_MARKS:,} deep")
        self._outer.append(self._stack)
        self._stack = []

    def _to_mark(self):
        items = self._stack
        self._stack = self._outer.pop()
        return items

    def _remember(self, key):
        value = self._stack[-1]
        if isinstance(value, Unbuilt):
            value.places.append(key)
        self._memo[key] = value

    def _recall(self, key):
        self._stack.append(self._memo[key])

    def _pop(self):
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def _stop(self):
        raise _Stop(self._stack[-1])

    def _set_protocol(self):
        version = self._number(_BYTE)
        if version > _HIGHEST_PROTOCOL:
            raise ValueError(f"protocol {version}")

    def _frame(self):
        if self._number(_LONG) > self._bytes_left():
            raise EOFError("within a frame")

    # Values.

    def _push(self, value):
        self._stack.append(value)

    def _make(self, container):
        self._left -= 1
        if self._left < 0:
            self.spend(0)
        self._stack.append(container)

    def _float(self):
        if self._data[self._at + 8 : self._at + 9] == b"G":
            run = _FLOATS.match(self._data, self._at - 1)[0]
            self._stack += np.frombuffer(run, _FLOAT)["value"].tolist()
            self._at += len(run) - 1
        else:
            self._stack.append(self._number(_DOUBLE))

    def _text_integer(self):
        line = self._line()
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def _long_text(self):
        self._push(int(self._line().removesuffix(b"L")))

    def _long(self, count):
        if count > _LONGEST_INTEGER:
            raise RefusedError(f"an integer of {count:,} bytes")
        self._push(int.from_bytes(self._take(count), "little", signed=True))

    def _escaped(self):
        line = self._line(None)
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise ValueError("a text without quotes")
        self._push(codecs.escape_decode(line[1:-1])[0].decode("latin1"))

    # Containers.

    def _tuple_of(self, count):
        if len(self._stack) < count:
            raise IndexError("stack")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._make(items)

    def _appended(self, items):
        target = self._stack[-1]
        if type(target) is not list:
            raise RefusedError(f"an append to {_kind(target)}")
        target += items

    def _append(self):
        item = self._stack.pop()
        self._appended([item])

    def _set_items(self, items):
        target = self._stack[-1]
        if type(target) is not dict:
            raise RefusedError(f"an item of {_kind(target)}")
        self.fill_dict(target, items[::2], items[1::2])

    def _set_item(self):
        value = self._stack.pop()
        key = self._stack.pop()
        self._set_items([key, value])

    def _empty_set(self):
        # One byte in the file, more than 200 in memory.
        self.spend(3)
        self._make(set())

    def _add_items(self):
        items = self._to_mark()
        target = self._stack[-1]
        if type(target) is not set:
            raise RefusedError(f"a member of {_kind(target)}")
        self.fill_set(target, items)

    def _frozen(self):
        items = self._to_mark()
        made = set()
        self.fill_set(made, items)
        self._make(frozenset(made))

    def _dict_of_items(self):
        items = self._to_mark()
        made = {}
        self.fill_dict(made, items[::2], items[1::2])
        self._make(made)

    def fill_dict(self, target, keys, values):
        """Add keys and their values to a dict."""
        if len(keys) != len(values):
            raise ValueError("a key without a value")
        for some in self._harmless(target, keys):
            target.update(zip(keys[some], values[some], strict=True))

    def fill_set(self, target, members):
        """Add members to a set."""
        for some in self._harmless(target, members):
            target.update(members[some])

    def _harmless(self, target, keys):
        """Give slices of keys, all in one where their hashes cannot be chosen by the file."""
        kinds = set(map(type, keys))
        if kinds <= {str, bytes}:
            yield slice(None)
            return
        if not kinds <= _PLAIN_KEYS:
            for key in keys:
                _check_key(key)
        elif len(target) + len(keys) <= _FEW_KEYS:
            yield slice(None)
            return
        for first in range(0, len(keys), _KEYS_A_LOOK):
            some = slice(first, min(first + _KEYS_A_LOOK, len(keys)))
            begun = time.thread_time()
            yield some
            self._seconds += time.thread_time() - begun
            self._keys += some.stop - first
            if self._seconds > _SECONDS + _SECONDS_A_KEY * self._keys:
                raise RefusedError("keys of a dict or set that are made to have the same hash")

    # Names, and what is made with them.

    def _named(self):
        module, name = self._line().decode("utf-8"), self._line().decode("utf-8")
        self._push(self._find(module, name))

    def _named_on_stack(self):
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise RefusedError(f"a name that is {_kind(name)}")
        self._push(self._find(module, name))

    def _call(self, name, arguments):
        if type(name) is not Name or type(arguments) is not tuple:
            raise RefusedError(f"a call of {_kind(name)}")
        self._make(name.call(self, *arguments))

    def _reduce(self):
        arguments = self._stack.pop()
        self._call(self._stack.pop(), arguments)

    def _new_with_keywords(self):
        keywords = self._stack.pop()
        if type(keywords) is not dict or keywords:
            raise RefusedError("a call with keywords")
        self._reduce()

    def _old_instance(self):
        module, name = self._line().decode("utf-8"), self._line().decode("utf-8")
        self._call(self._find(module, name), tuple(self._to_mark()))

    def _old_object(self):
        name, *arguments = self._to_mark()
        self._call(name, tuple(arguments))

    def _build(self):
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, Unbuilt):
            change = f" of {shown(next(iter(state)))}" if type(state) is dict and state else ""
            if type(state) is tuple and len(state) == 2 and type(state[1]) is dict and state[1]:
                change = f" of {shown(next(iter(state[1])))}"
            raise RefusedError(f"a change{change} in {_kind(target)}")
        made = target.build(state)
        if made is not target:
            self._stack[-1] = made
            for key in target.places:
                if self._memo.get(key) is target:
                    self._memo[key] = made

    def _refuse_persistent(self):
        raise RefusedError("a persistent object, which lies elsewhere")

    def _refuse_extension(self):
        raise RefusedError("an object of a registry of extensions")

    def _refuse_buffer(self):
        raise RefusedError("a buffer that lies elsewhere")

    def _unknown(self):
        raise ValueError(f"no opcode {self._data[self._at - 1]:#04x}")


class _Stop(Exception):
    """The end of a pickle, with what is on the stack."""


def _check_key(key):
    """Refuse a key whose hash would be computed without an end, or run into the stack's."""
    if type(key) is tuple:
        if len(key) > _LONGEST_KEY or not set(map(type, key)) <= _PLAIN_KEYS:
            raise RefusedError(f"a key that is a tuple of {len(key):,} values, of which some nest")
    elif type(key) not in _PLAIN_KEYS and not isinstance(key, np.generic):
        raise RefusedError(f"a key that is {_kind(key)}")


def _kind(value):
    return shortened(value.text) if type(value) is Name else f"a {type(value).__name__}"


_BYTE, _UINT4, _LONG = struct.Struct("B"), struct.Struct("<I"), struct.Struct("<Q")
_INT4, _UINT2, _DOUBLE = struct.Struct("<i"), struct.Struct("<H"), struct.Struct(">d")


def _decoded(data):
    return data.decode("utf-8", "surrogatepass")


def _latin(data):
    return data.decode("latin1")


_HANDLERS = [Machine._unknown] * 256
for _opcode, _handler in {
    b"\x80": Machine._set_protocol,
    b"\x95": Machine._frame,
    b".": Machine._stop,
    b"(": Machine._mark,
    b"0": Machine._pop,
    b"1": Machine._to_mark,
    b"2": lambda m: m._push(m._stack[-1]),
    # What is remembered.
    b"p": lambda m: m._remember(_place(m._line())),
    b"q": lambda m: m._remember(m._number(_BYTE)),
    b"r": lambda m: m._remember(m._number(_UINT4)),
    b"\x94": lambda m: m._remember(len(m._memo)),
    b"g": lambda m: m._recall(int(m._line())),
    b"h": lambda m: m._recall(m._number(_BYTE)),
    b"j": lambda m: m._recall(m._number(_UINT4)),
    # Values.
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"I": Machine._text_integer,
    b"J": lambda m: m._push(m._number(_INT4)),
    b"K": lambda m: m._push(m._number(_BYTE)),
    b"M": lambda m: m._push(m._number(_UINT2)),
    b"L": Machine._long_text,
    b"\x8a": lambda m: m._long(m._number(_BYTE)),
    b"\x8b": lambda m: m._long(m._number(_INT4)),
    b"F": lambda m: m._push(float(m._line())),
    b"G": Machine._float,
    b"S": Machine._escaped,
    b"T": lambda m: m._push(_latin(m._take(m._number(_INT4)))),
    b"U": lambda m: m._push(_latin(m._take(m._number(_BYTE)))),
    b"V": lambda m: m._push(m._line(None).decode("raw-unicode-escape")),
    b"X": lambda m: m._push(_decoded(m._take(m._number(_UINT4)))),
    b"\x8c": lambda m: m._push(_decoded(m._take(m._number(_BYTE)))),
    b"\x8d": lambda m: m._push(_decoded(m._take(m._number(_LONG)))),
    b"B": lambda m: m._push(m._take(m._number(_UINT4))),
    b"C": lambda m: m._push(m._take(m._number(_BYTE))),
    b"\x8e": lambda m: m._push(m._take(m._number(_LONG))),
    # A bytearray, which only arrays are made of.
    b"\x96": lambda m: m._push(m._take(m._number(_LONG))),
    # Containers.
    b"]": lambda m: m._make([]),
    b"}": lambda m: m._make({}),
    b")": lambda m: m._push(()),
    b"\x8f": Machine._empty_set,
    b"l": lambda m: m._make(m._to_mark()),
    b"d": Machine._dict_of_items,
    b"t": lambda m: m._make(tuple(m._to_mark())),
    b"\x85": lambda m: m._tuple_of(1),
    b"\x86": lambda m: m._tuple_of(2),
    b"\x87": lambda m: m._tuple_of(3),
    b"\x91": Machine._frozen,
    b"a": Machine._append,
    b"e": lambda m: m._appended(m._to_mark()),
    b"s": Machine._set_item,
    b"u": lambda m: m._set_items(m._to_mark()),
    b"\x90": Machine._add_items,
    # Names.
    b"c": Machine._named,
    b"\x93": Machine._named_on_stack,
    b"R": Machine._reduce,
    b"\x81": Machine._reduce,
    b"\x92": Machine._new_with_keywords,
    b"i": Machine._old_instance,
    b"o": Machine._old_object,
    b"b": Machine._build,
    b"P": Machine._refuse_persistent,
    b"Q": Machine._refuse_persistent,
    b"\x82": Machine._refuse_extension,
    b"\x83": Machine._refuse_extension,
    b"\x84": Machine._refuse_extension,
    b"\x97": Machine._refuse_buffer,
    b"\x98": Machine._refuse_buffer,
}.items():
    _HANDLERS[_opcode[0]] = _handler


def _place(line):
    place = int(line)
    if place < 0:
        raise ValueError(f"a place of {place}")
    return place
