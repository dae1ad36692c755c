"""The restricted unpickler: all data that circulates is read, and nothing is ever run."""

import builtins
import collections
import copyreg
import gc
import io
import os
import pickle
import sys
import types

import numpy as np
import pytest

from kerasfuse import progress
from kerasfuse.datasets.formats.pickles.opcodes import Machine
from kerasfuse.datasets.formats.restricted_pickle import read_pickle


def save(path, data):
    path.write_bytes(data)
    return path


TREE = {
    "a": np.arange(6, dtype="float32").reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "ragged": np.array([np.zeros(2), np.ones(3)], dtype=object),
    "bytes": [b"\xff\x00", "text", "gr\u00fc\u00df"],
    "numbers": (1, 2.5, True, None, 3 + 1j),
    "scalar": np.float32(1.5),
    "text": np.array(["ab", "c"]),
    "swapped": np.arange(3, dtype=">i4"),
    "ordered": collections.OrderedDict(x=1),
    "lists": collections.defaultdict(list, y=[{1, 2}, frozenset({3})]),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_come_back(tmp_path, protocol):
    got = read_pickle(save(tmp_path / "a.pkl", pickle.dumps(TREE, protocol)))
    assert list(got) == list(TREE)
    for name in ("a", "turned", "text", "swapped"):
        np.testing.assert_array_equal(got[name], TREE[name])
        # numpy itself may turn the bytes of arrays of the other order.
        assert got[name].dtype.newbyteorder("=") == TREE[name].dtype.newbyteorder("=")
    assert [x.tolist() for x in got["ragged"]] == [[0, 0], [1, 1, 1]]
    for name in ("bytes", "numbers", "scalar", "ordered", "lists"):
        assert got[name] == TREE[name]


# One window of the machine is a megabyte: what lies across its end, and what is longer.
LARGE = {
    "floats": [i / 7 for i in range(250_000)],
    "numbers": [i * 3 for i in range(400_000)],
    "texts": [f"text {i}" for i in range(150_000)],
    "long texts": ["a" * 700_000, "\u00e9" * 700_000, "b" * 3_000_000],
    "bytes": [bytes(700_000), bytes(range(256)) * 10_000],
    "array": np.arange(500_000.0),
    "arrays": [np.arange(i, i + 40_000.0) for i in range(20)],
    "by number": {i: str(i) for i in range(100_000)},
    "pairs": [(i, i + 0.5, None) for i in range(100_000)],
    "rows": [[float(i), float(j)] for i in range(300) for j in range(300)],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", LARGE)
def test_large_data_come_back(tmp_path, name, protocol):
    got = read_pickle(save(tmp_path / "a.pkl", pickle.dumps(LARGE[name], protocol)))
    if "array" in name:
        np.testing.assert_array_equal(got, LARGE[name])
    else:
        assert got == LARGE[name]


def test_a_file_that_is_open_already(tmp_path):
    tree = {"small": list(range(1000)), "large": np.arange(400_000.0), "last": "x"}
    path = save(tmp_path / "a.pkl", pickle.dumps(tree, 4))
    with progress.bars() as bars, bars.open(path, "rb") as opened:
        got = read_pickle(path, io.BufferedReader(opened, 2**20))
    np.testing.assert_array_equal(got["large"], tree["large"])
    assert got["small"] == tree["small"] and got["last"] == "x"


def test_what_is_shared_is_one_thing_and_arrays_cannot_be_written_to(tmp_path):
    array, part = np.arange(3), ["x"]
    tree = {"a": array, "b": array, "c": part, "d": [part, part]}
    got = read_pickle(save(tmp_path / "a.pkl", pickle.dumps(tree, 4)))
    assert got["a"] is got["b"] and got["c"] is got["d"][0] is got["d"][1]
    with pytest.raises(ValueError, match="read-only"):
        got["a"][0] = 1


def test_kinds_of_containers_become_plain(tmp_path):
    lists = collections.defaultdict(list, a=[1])
    tree = [collections.OrderedDict(x=1), lists, bytearray(b"ab")]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        got = read_pickle(save(tmp_path / "a.pkl", pickle.dumps(tree, protocol)))
        assert got == [{"x": 1}, {"a": [1]}, b"ab"]
        assert [type(x) for x in got] == [dict, dict, bytes]


def test_containers_may_nest_and_no_deeper(tmp_path):
    def nested(depth):
        x = []
        for _ in range(depth - 1):
            x = [x]
        return pickle.dumps(x)

    assert read_pickle(save(tmp_path / "a.pkl", nested(32))) != []
    with pytest.raises(ValueError, match="asks for containers nested more than 32 deep"):
        read_pickle(save(tmp_path / "a.pkl", nested(33)))


def test_too_little_memory_is_told(tmp_path, monkeypatch):
    def fill(self):
        raise MemoryError

    monkeypatch.setattr(Machine, "run", fill)
    path = save(tmp_path / "a.pkl", pickle.dumps([1]))
    with pytest.raises(ValueError, match=r"fits into memory. Received: .*a.pkl' \(\d+ bytes\)"):
        read_pickle(path)


def test_pythons_search_for_circles_goes_on_as_before(tmp_path):
    path = save(tmp_path / "a.pkl", pickle.dumps([1]))
    read_pickle(path)
    assert gc.isenabled()
    gc.disable()
    try:
        read_pickle(path)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(ValueError, match="a whole pickle"):
        read_pickle(save(path, b"no"))
    assert gc.isenabled()


def test_the_old_home_of_numpy(tmp_path):
    data = pickle.dumps(np.arange(3), 2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in data
    assert read_pickle(save(tmp_path / "a.pkl", data)).tolist() == [0, 1, 2]


def test_a_pickle_of_python_2(tmp_path):
    # {'x': array([1., -2.])} as Python 2 writes it: names and raw bytes are its str.
    raw = np.array([1.0, -2.0]).tobytes()
    data = (
        b"\x80\x02}U\x01xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b"
        b"\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x10" + raw + b"tbs."
    )
    got = read_pickle(save(tmp_path / "a.pkl", data))
    np.testing.assert_array_equal(got["x"], [1, -2])


class Runs:
    """What a hostile pickle holds: a call that leaves a mark."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(mark):
    return {
        "posix.system": Runs(os.system, f"touch {mark}"),
        "builtins.eval": Runs(builtins.eval, f"open({str(mark)!r}, 'w')"),
        "builtins.exec": Runs(builtins.exec, f"open({str(mark)!r}, 'w')"),
        "io.open": Runs(builtins.open, str(mark), "w"),
        "builtins.getattr": Runs(builtins.getattr, "a", "upper"),
        "builtins.__import__": Runs(builtins.__import__, "this"),
        "numpy.load": Runs(np.load, str(mark)),
        "builtins.str": Runs(str, b"a", "rot13"),
        "builtins.bytearray": Runs(bytearray, 10),
    }


@pytest.mark.parametrize("name", list(hostile("")))
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_is_run_and_the_name_is_told(tmp_path, name, protocol):
    mark = tmp_path / "mark"
    # Inside an array, after data that are fine.
    data = pickle.dumps({"x": np.array([1, hostile(mark)[name]], dtype=object)}, protocol)
    sys.modules.pop("this", None)
    with pytest.raises(ValueError, match="Nothing of it was run") as caught:
        read_pickle(save(tmp_path / "evil.pkl", data))
    assert not mark.exists() and "this" not in sys.modules
    # The old protocols call it by its name in Python 2.
    names = {name.rpartition(".")[2], "unicode" if name == "builtins.str" else name}
    assert any(shown in str(caught.value) for shown in names)
    assert "evil.pkl" in str(caught.value)


def test_what_a_pickle_may_call_it_may_not_change(tmp_path):
    # BUILD with a pair as state sets attributes of what is on the stack.
    for place in (b"numpy\ndtype", b"numpy.core.multiarray\nscalar", b"pandas\nSeries"):
        data = b"\x80\x02c" + place + b"\n" + b"N}U\x04evilK\x01s\x86b."
        with pytest.raises(ValueError, match="evil|__setstate__"):
            read_pickle(save(tmp_path / "a.pkl", data))


def array_of(dtype, state, data):
    """Pickle an array of 1 value by hand: `_reconstruct`, and a state with a dtype of its own."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01\x85cnumpy\ndtype\n"
        + dtype
        + b"K\x00K\x01\x87R"
        + state
        + b"b\x89"
        + data
        + b"tb."
    )


NATIVE = b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"


def test_the_array_by_hand_is_one(tmp_path):
    data = array_of(b"U\x02f8", NATIVE.replace(b"|", b"<"), b"U\x08" + np.float64(2.5).tobytes())
    np.testing.assert_array_equal(read_pickle(save(tmp_path / "a.pkl", data)), [2.5])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        # Flags 0 would have numpy take these bytes for the address of an object.
        (array_of(b"U\x02O8", NATIVE, b"U\x08AAAAAAAA"), "what its dtype and shape do not say"),
        (array_of(b"U\x02f8", NATIVE, b"]K\x01a"), "what its dtype and shape do not say"),
        (array_of(b"U\x02V8", NATIVE, b"U\x08AAAAAAAA"), "the dtype 'V8'"),
        (
            array_of(b"U\x02f8", NATIVE.replace(b"NNN", b"NU\x01a\x85}"), b"U\x08AAAAAAAA"),
            "structured",
        ),
        (
            array_of(b"U\x02f8", NATIVE, b"U\x08AAAAAAAA")[:-1] + b"(K\x01)NNNtb.",
            "a change in a ndarray",
        ),
    ],
)
def test_memory_cannot_be_reached_through_the_state_of_an_array(tmp_path, data, told):
    with pytest.raises(ValueError, match=f"asks for .*{told}"):
        read_pickle(save(tmp_path / "evil.pkl", data))


def test_types_of_numpy_cannot_be_changed_through_their_state(tmp_path):
    # dtype("f8", align=0, copy=0) and then the state of ">f8".
    data = b"\x80\x02cnumpy\ndtype\nU\x02f8K\x00K\x00\x87R" + NATIVE.replace(b"|", b">") + b"b."
    with pytest.raises(ValueError, match="asks for a dtype without an array"):
        read_pickle(save(tmp_path / "a.pkl", data))
    assert np.dtype("f8").isnative and np.arange(2.0)[1] == 1


@pytest.mark.parametrize("kept", [0, 1, 50, 200, -1])
def test_a_pickle_that_breaks_off_is_named(tmp_path, kept):
    data = pickle.dumps({"x": np.zeros(100)}, 4)
    path = save(tmp_path / "short.pkl", data[:kept])
    with pytest.raises(ValueError, match=r"whole pickle.*short\.pkl.*bytes\)"):
        read_pickle(path)


def test_what_is_no_pickle_is_named(tmp_path):
    with pytest.raises(ValueError, match="web.pkl"):
        read_pickle(save(tmp_path / "web.pkl", b"<!DOCTYPE html><html>..."))


class Module:
    """Stand-ins under the names of pandas, for writing only."""

    def __init__(self, monkeypatch):
        names = ("Series", "DataFrame", "BlockManager", "SingleBlockManager", "Index")
        self.module = types.ModuleType("pandas.core.old")
        for name in names:
            kind = type(name, (), {"__module__": "pandas.core.old"})
            setattr(self.module, name, kind)
            setattr(self, name, kind)

        def _new_Index(kind, state):
            raise AssertionError("called")

        _new_Index.__module__, _new_Index.__qualname__ = "pandas.core.old", "_new_Index"
        self.module._new_Index = self.new_index = _new_Index
        for name in ("pandas", "pandas.core"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "pandas.core.old", self.module)


def of(kind, **state):
    made = kind()
    made.__dict__.update(state)
    return made


def test_old_pandas_objects_are_read_without_pandas(tmp_path, monkeypatch):
    pandas = Module(monkeypatch)

    class WithState:
        def __init__(self, kind, state):
            self.kind, self.state = kind, state

        def __reduce__(self):
            return copyreg._reconstructor, (self.kind, object, None), self.state

    def index(values):
        return Runs(pandas.new_index, pandas.Index, {"data": np.array(values), "name": None})

    def manager(kind, axes, blocks):
        blocks = [{"values": v, "mgr_locs": at} for v, at in blocks]
        later = {"0.14.1": {"axes": axes, "blocks": blocks}}
        return WithState(kind, (axes, [], [], later))

    series = of(
        pandas.Series,
        _data=manager(
            pandas.SingleBlockManager,
            [index([0, 1])],
            [(np.array([1.5, 2.5]), slice(0, 2, 1))],
        ),
    )
    frame = of(
        pandas.DataFrame,
        _data=manager(
            pandas.BlockManager,
            [index(["a", "b", "c"]), index([0, 1])],
            [
                (np.array([[1.0, 2.0], [5.0, 6.0]]), np.array([0, 2])),
                (np.array([[3.0, 4.0]]), slice(1, 2, 1)),
            ],
        ),
    )
    data = pickle.dumps([series, frame], 2)
    monkeypatch.undo()
    assert "pandas" not in sys.modules
    series, frame = read_pickle(save(tmp_path / "a.pkl", data))
    assert "pandas" not in sys.modules
    np.testing.assert_array_equal(np.asarray(series), [1.5, 2.5])
    np.testing.assert_array_equal(np.asarray(frame), [[1, 3, 5], [2, 4, 6]])
    assert frame.columns == ["a", "b", "c"] and len(frame) == 2


def frame_of(pandas, blocks, columns, rows):
    """A frame as pandas from 1.3 on pickles it: blocks and axes are arguments."""

    def axis(size):
        return Runs(pandas.new_index, pandas.Index, {"start": 0, "stop": size, "step": 1})

    made = [Runs(pandas.unpickle_block, values, place, 2) for values, place in blocks]
    return of(
        pandas.DataFrame, _mgr=Runs(pandas.BlockManager, tuple(made), [axis(columns), axis(rows)])
    )


@pytest.fixture
def pandas(monkeypatch):
    found = Module(monkeypatch)

    def _unpickle_block(values, place, ndim):
        raise AssertionError("called")

    _unpickle_block.__module__, _unpickle_block.__qualname__ = "pandas.core.old", "_unpickle_block"
    found.module._unpickle_block = found.unpickle_block = _unpickle_block
    return found


def test_newer_pandas_objects_are_read(tmp_path, pandas):
    blocks = [
        (np.array([[1.0, 2.0], [5.0, 6.0]]), np.array([0, 2])),
        (np.array([[3.0, 4.0]]), slice(1, 2, 1)),
    ]
    path = save(tmp_path / "a.pkl", pickle.dumps(frame_of(pandas, blocks, 3, 2), 4))
    frame = read_pickle(path)
    np.testing.assert_array_equal(np.asarray(frame), [[1, 3, 5], [2, 4, 6]])
    assert len(frame) == 2 and frame.columns == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("place", "columns", "rows"),
    [
        (np.array([0, 3]), 2, 2),
        (np.array([0, -1]), 2, 2),
        (np.array([0, 0]), 2, 2),
        (np.array([True, False]), 2, 2),
        (slice(0, 1), 2, 2),
        (slice(0, 2), 2, 3),
        (slice(0, 2), 4, 1),
        (slice(0, 2), 10**9, 2),
        (slice(0, 2), 2, 10**9),
    ],
)
def test_blocks_that_do_not_fill_a_table_are_refused(tmp_path, pandas, place, columns, rows):
    blocks = [(np.array([[1.0, 2.0], [5.0, 6.0]]), place)]
    path = save(tmp_path / "a.pkl", pickle.dumps(frame_of(pandas, blocks, columns, rows), 4))
    with pytest.raises(ValueError, match="asks for a table of .* that its 1 arrays of 4 do not"):
        read_pickle(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_converted_line_endings_are_named(tmp_path, protocol):
    data = pickle.dumps({"x": np.arange(4000), "lines": "a\nb\nc\n"}, protocol)
    file = save(tmp_path / "a.pkl", data.replace(b"\n", b"\r\n"))
    with pytest.raises(ValueError, match="a.pkl', whose line endings were converted.*binary mode"):
        read_pickle(file)


def test_a_forbidden_name_with_a_line_ending_is_refused(tmp_path):
    file = save(tmp_path / "a.pkl", b"cos\r\nsystem\r\n(S'true'\r\ntR.")
    with pytest.raises(ValueError, match="asks for os.system"):
        read_pickle(file)


def test_what_breaks_off_is_not_called_converted(tmp_path):
    data = pickle.dumps({"x": np.arange(4000), "lines": "a\nb\r\nc\r\n"}, 4)
    with pytest.raises(ValueError, match="which breaks off or is none"):
        read_pickle(save(tmp_path / "a.pkl", data[:-9]))
