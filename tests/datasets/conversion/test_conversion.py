"""Conversion: whole or not at all, resumable, in both formats, and read without all of memory."""

import concurrent.futures
import errno
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import numpy as np
import own_files
import pytest
import tensorflow_datasets as tfds
import tiny_data

from kerasfuse.datasets import convert, load
from kerasfuse.datasets.conversion import builder, conversion, records, sharing, source_files
from kerasfuse.datasets.mosi import Mosi


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)
    # A few samples a piece.
    monkeypatch.setattr(builder, "_LEAST_SAMPLES", 2)
    monkeypatch.setattr(builder, "_PIECE_BYTES", 1)


@pytest.fixture
def file(tmp_path):
    return tiny_data.dump(tiny_data.mult("mosi"), tmp_path / "mosi_data_noalign.pkl")


def written(monkeypatch, fail_at=None):
    """Count the pieces that are written, and break off at one of them."""
    pieces, write = [], builder.Builder.write_piece

    def counted(self, piece, path):
        if len(pieces) == fail_at:
            raise KeyboardInterrupt
        pieces.append(path.name)
        write(self, piece, path)

    monkeypatch.setattr(builder.Builder, "write_piece", counted)
    return pieces


def compression(path):
    from array_record.python import array_record_module

    options = array_record_module.ArrayRecordReader(str(path)).writer_options_string()
    return options.split(",")[3]


def found(folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]


def test_interrupted_conversions_look_like_none_and_go_on(file, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        pieces = written(patch, fail_at=3)
        with pytest.raises(KeyboardInterrupt):
            load("mosi", data_dir=file)
        assert len(pieces) == 3
    assert not any("dataset_info" in name or "mosi-" in name for name in found(tmp_path / "tfds"))
    assert conversion._find(Mosi, tmp_path / "tfds" / "mosi", [file], None) is None

    with monkeypatch.context() as patch:
        later = written(patch)
        batches = load("mosi", data_dir=file, shuffle=False, batch_size=7)
    # 7, 3 and 4 samples, two a piece.
    assert len(later) == 4 + 2 + 2 - 3 and not set(later) & set(pieces)
    tree = tiny_data.mult("mosi")["train"]
    np.testing.assert_array_equal(batches.labels, tree["labels"][:, 0].astype("float32"))
    last = batches[0][0]["audio"].astype("float64").sum(axis=(1, 2))
    np.testing.assert_allclose(last, tree["audio"].sum(axis=(1, 2)), rtol=1e-4, atol=1e-4)
    assert not [path for path in (tmp_path / "tfds").rglob(".converting*")]


def test_a_conversion_that_is_killed_within_a_piece_leaves_no_piece(file, tmp_path, monkeypatch):
    def half(path, *arguments):
        pathlib.Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(builder.record_bytes, "write", half)
        with pytest.raises(KeyboardInterrupt):
            load("mosi", data_dir=file)
    assert not [name for name in found(tmp_path / "tfds") if name.endswith((".npz", ".records"))]
    assert load("mosi", data_dir=file).num_samples == 7


def test_parquet_stands_in_where_there_is_no_array_record(file, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    wanted = load("mosi", data_dir=file, shuffle=False, batch_size=7)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "other"))
    find = builder.util.find_spec
    monkeypatch.setattr(
        builder.util, "find_spec", lambda name: None if name == "array_record" else find(name)
    )
    got = load("mosi", data_dir=file, shuffle=False, batch_size=7)
    assert list((tmp_path / "other").rglob("*.parquet*"))
    assert got.checksum() == wanted.checksum() and got.ids == wanted.ids
    for name, x in wanted[0][0].items():
        np.testing.assert_array_equal(got[0][0][name], x)


def test_without_either_format_the_extra_is_named(file, monkeypatch):
    monkeypatch.setattr(builder.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"kerasfuse-zoo\[data\]"):
        load("mosi", data_dir=file)


def test_records_are_those_of_tfds_with_arrays_as_bytes(file, tmp_path):
    load("mosi", data_dir=file)
    source = tfds.data_source("mosi/mult_unaligned", split="test", data_dir=tmp_path / "tfds")
    tree = tiny_data.mult("mosi")["test"]
    assert len(source) == 4
    for record, label, x in zip(source, tree["labels"], tree["text"], strict=True):
        assert record["label"] == np.float32(label.item())
        np.testing.assert_array_equal(record["features"]["text"], x[x.any(axis=1)].astype("f4"))
    info = tfds.builder_from_directory(tmp_path / "tfds/mosi/mult_unaligned/1.1.0").info
    assert info.features["features"]["text"]._encoding == tfds.features.Encoding.BYTES
    assert info.splits["train"].num_examples == 7 and info.splits["train"].num_shards == 4


def test_two_at_once_convert_once(file, monkeypatch):
    pytest.importorskip("fcntl")
    pieces = written(monkeypatch)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(load, "mosi", data_dir=file) for _ in range(2)]
    assert len({batches.result().checksum() for batches in both}) == 1
    assert len(pieces) == len(set(pieces)) == 4 + 2 + 2


@pytest.mark.parametrize("coarsest", [0, source_files._COARSEST])
def test_other_content_of_the_same_size_and_time_is_noticed(file, monkeypatch, coarsest):
    # Both ways by which it is: by the time of the change alone, and of a file that is too new for
    # that, by content.
    monkeypatch.setattr(source_files, "_COARSEST", coarsest)
    before, kept = load("mosi", data_dir=file), file.stat()
    tree = tiny_data.mult("mosi")
    tree["train"]["labels"] = tree["train"]["labels"][::-1].copy()
    other = tiny_data.dump(tree, file.with_name("other.pkl"))
    content = other.read_bytes()
    other.unlink()
    assert len(content) == kept.st_size
    file.write_bytes(content)
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert file.stat().st_mtime_ns == kept.st_mtime_ns
    after = load("mosi", data_dir=file)
    assert after.checksum() != before.checksum()


def test_files_that_stay_are_not_read_again(file, monkeypatch):
    monkeypatch.setattr(source_files, "_COARSEST", 0)
    load("mosi", data_dir=file)
    monkeypatch.setattr(source_files, "sha256", None)
    assert load("mosi", data_dir=file).num_samples == 7


def test_a_place_that_cannot_be_written_to_is_named(file, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file" / "tfds"))
    with pytest.raises(OSError, match="TFDS_DATA_DIR"):
        load("mosi", data_dir=file)


def test_convert_tells_what_is_in_the_files_each_time(file, capsys):
    first, second = convert("mosi", file), convert("mosi", file)
    assert (
        first == second and "7 train, 3 validation, 4 test" in first and "records are in" in first
    )
    assert capsys.readouterr() == ("", "")
    assert "nothing to convert" in convert("simulated", num_samples=4)
    with pytest.raises(ValueError, match="Nearest: mosi"):
        convert("mosii")


def test_only_what_a_batch_needs_is_read(file, monkeypatch):
    batches = load("mosi", data_dir=file, batch_size=3, shuffle=True, seed=1)
    rows = []
    read = batches._store.samples
    monkeypatch.setattr(batches._store, "samples", lambda r: rows.append(list(r)) or read(r))
    labels = batches[1][1]
    assert len(rows) == 1 and len(rows[0]) == 3
    np.testing.assert_array_equal(labels, batches.labels[rows[0]])


@pytest.mark.parametrize("room, kept", [(0, []), (1, [2]), (9, [0, 1, 2])])
def test_samples_that_fit_are_read_from_disk_once(file, monkeypatch, room, kept):
    store = load("mosi", data_dir=file)._store
    fetched = []
    fetch = store._fetched
    size = sum(x.nbytes for x in fetch(2).values())
    monkeypatch.setattr(records, "_KEPT_BYTES", room * size)
    monkeypatch.setattr(store, "_fetched", lambda row: fetched.append(row) or fetch(row))
    first = list(store.samples([2, 0, 2]))
    assert fetched == [2, 0]
    second = list(store.samples([0, 2, 1]))
    assert fetched[2:] == [row for row in (0, 2, 1) if row == 1 or row not in kept]
    assert sorted(store._kept) == kept
    for name in second[0]:
        np.testing.assert_array_equal(second[0][name], first[1][name])
        np.testing.assert_array_equal(second[1][name], first[0][name])
        np.testing.assert_array_equal(second[1][name], first[2][name])


def test_what_another_process_writes_beside_the_records_is_no_damage(file, tmp_path):
    wanted = load("mosi", data_dir=file).checksum()
    facts = next((tmp_path / "tfds").rglob("kerasfuse.json"))
    # Gone between the listing and a look at it.
    (facts.parent / ".kerasfuse.json.lock").symlink_to(tmp_path / "gone")
    assert load("mosi", data_dir=file).checksum() == wanted


def test_facts_that_are_damaged_are_refused_in_a_sentence(file, tmp_path):
    load("mosi", data_dir=file)
    facts = next((tmp_path / "tfds").rglob("kerasfuse.json"))
    whole = json.loads(facts.read_text())
    fields = {name: name for name in whole["fields"]}
    refused = 0
    for change in _damaged(whole):
        facts.write_text(json.dumps(change))
        try:
            records.Records(facts.parent, "train", fields).read([0])
        except ValueError as error:
            refused += 1
            assert str(error).startswith("expected ")
    assert refused > 20


def _damaged(facts):
    """Yield copies of nested dicts with one name or value changed."""
    for name, value in facts.items():
        others = {key: x for key, x in facts.items() if key != name}
        yield others
        yield {**others, f"{name}?": value}
        for wrong in (None, 3, "text", [], {}):
            yield {**others, name: wrong}
        if isinstance(value, dict):
            for inner in _damaged(value):
                yield {**others, name: inner}


def test_only_the_fields_that_are_asked_for_are_decoded(file, monkeypatch):
    asked = []
    decode = records.record_bytes.arrays
    monkeypatch.setattr(
        records.record_bytes, "arrays", lambda x, fields: asked.append(fields) or decode(x, fields)
    )
    batches = load("mosi", data_dir=file)
    batches._store.choose(["audio"])
    batches[0]
    assert asked == [{"audio": [[None, 5], "float32"]}] * 7


def test_records_that_former_versions_compressed_otherwise_are_read(file, tmp_path, monkeypatch):
    new = load("mosi", data_dir=file, batch_size=7)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "former"))
    monkeypatch.setattr(builder.record_bytes, "_ARRAY_RECORD", "group_size:1")
    former = load("mosi", data_dir=file, batch_size=7)
    names = {
        place: compression(next((tmp_path / place).rglob("mosi-train.array_record*")))
        for place in ("tfds", "former")
    }
    assert names == {"tfds": "snappy", "former": "zstd:3"}
    for name, x in new[0][0].items():
        np.testing.assert_array_equal(x, former[0][0][name])


# Several processes.


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def table(tmp_path):
    return own_files.write(tmp_path / "own", count=30)


@pytest.mark.parametrize("name", ["mosi", "own"])
def test_two_processes_write_the_bytes_of_one(name, file, table, tmp_path, monkeypatch):
    data_dir = file if name == "mosi" else table
    monkeypatch.setattr(source_files, "_COARSEST", 0)  # files that are new have a stamp, too
    told, wrote = [], []
    for jobs in (1, 2):
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / f"tfds{jobs}"))
        with monkeypatch.context() as patch:
            pieces = written(patch)
            if jobs == 2:  # the helper takes its time to start
                patch.setattr(sharing, "claim", after_the_helper(sharing.claim))
            told.append(convert(name, data_dir, jobs=jobs))
        wrote.append(len(pieces))
    one, two = (contents(tmp_path / f"tfds{jobs}") for jobs in (1, 2))
    assert one == two and len(one) > 8
    assert 0 < wrote[1] < wrote[0]  # the helper wrote the others
    assert told[0].replace("tfds1", "tfds2") == told[1]


def after_the_helper(claim):
    """Take a piece only when the helper has taken one."""

    def waiting(path):
        while not list(path.parent.glob(".claimed-*")):
            time.sleep(0.01)
        return claim(path)

    return waiting


def test_what_a_helper_leaves_undone_is_done(file, monkeypatch):
    monkeypatch.setattr(sharing, "_start", lambda told: subprocess.Popen(["false"]))
    # As if another process had taken all of them, and died.
    monkeypatch.setattr(sharing, "claim", lambda path: False)
    pieces = written(monkeypatch)
    assert "7 train" in convert("mosi", file, jobs=3)
    assert len(pieces) == 4 + 2 + 2


def test_several_processes_tell_of_the_first_fault_as_one_does(table, monkeypatch):
    monkeypatch.setattr(sharing, "_start", lambda told: subprocess.Popen(["sleep", "60"]))
    for i in (0, 10):
        np.save(table.parent / f"files/speech-{i}.npy", np.full((4, 4), np.nan))
    for jobs, claimed in ((1, lambda path: True), (2, lambda path: "00000" not in path.stem)):
        monkeypatch.setattr(sharing, "claim", claimed)
        with pytest.raises(ValueError, match="sample 's0'"):
            convert("own", table, jobs=jobs)


def test_a_helper_whose_conversion_is_gone_writes_nothing(file, tmp_path, monkeypatch):
    share = sharing.Share(str(tmp_path / "tfds/mosi/.converting-x"), 2, None, parent=1)
    with monkeypatch.context() as patch:
        patch.setattr(sharing.os, "getppid", lambda: 2)
        with sharing.helping(share):
            load("mosi", data_dir=file)
    assert not found(tmp_path / "tfds")
    pathlib.Path(share.stage).mkdir(parents=True)
    monkeypatch.setattr(sharing.os, "getppid", lambda: 1)
    with sharing.helping(share):
        load("mosi", data_dir=file)
    assert len([name for name in found(tmp_path / "tfds") if name.endswith(".npz")]) == 8


def test_jobs_is_a_count(file):
    with pytest.raises(ValueError, match="expected jobs to be a whole number from 1"):
        convert("mosi", file, jobs=0)


# Kills, full disks and damage.


@pytest.mark.parametrize("place", ["first shard", "facts", "rename", "pieces"])
def test_a_conversion_that_is_killed_at_its_end_goes_on(file, tmp_path, monkeypatch, place):
    def killed(*arguments, **options):
        raise KeyboardInterrupt

    target = {
        "first shard": (builder, "_put"),
        "facts": (builder.shutil, "copy"),
        "rename": (conversion.tfds.core.SplitDict, "__init__"),
        "pieces": (conversion.shutil, "rmtree"),
    }[place]
    with monkeypatch.context() as patch:
        patch.setattr(*target, killed)
        with pytest.raises(KeyboardInterrupt):
            load("mosi", data_dir=file)
    root = tmp_path / "tfds" / "mosi"
    # What a process leaves that has no time to tidy up.
    (root / ".lock").touch()
    left = root / "mult_unaligned" / "incomplete.ABCDEF_1.1.0"
    left.mkdir(parents=True, exist_ok=True)
    (left / "kerasfuse.json").write_text("{}")
    assert load("mosi", data_dir=file).num_samples == 7
    load("mosi", data_dir=file)
    assert not [p for p in root.rglob("*") if "incomplete" in p.name or p.name.startswith(".")]


def test_the_pieces_of_other_files_stay(file, tmp_path, monkeypatch):
    load("mosi", data_dir=file)
    root = tmp_path / "tfds" / "mosi"
    (root / ".converting-mult_unaligned-1.1.0-0123456789abcdef").mkdir()
    (root / ".converting-mult_unaligned-0.0.1-0123456789abcdef").mkdir()
    (root / ".lock").touch()
    load("mosi", data_dir=file)
    assert [p.name for p in root.glob(".*")] == [
        ".converting-mult_unaligned-1.1.0-0123456789abcdef"
    ]


@pytest.mark.parametrize("part", ["write", "_put"])
def test_a_full_disk_is_told_and_the_next_conversion_goes_on(file, tmp_path, monkeypatch, part):
    def full(*arguments, **options):
        if part == "write":
            raise RuntimeError("Writing failed: No space left on device")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*(builder.record_bytes, part) if part == "write" else (builder, part), full)
        with pytest.raises(OSError, match="expected room for .*a full disk.*TFDS_DATA_DIR"):
            load("mosi", data_dir=file)
    assert load("mosi", data_dir=file).num_samples == 7


@pytest.mark.parametrize(
    "name", ["kerasfuse.json", "index-train.npz", "mosi-train.*-00000-of-*", "dataset_info.json"]
)
def test_damaged_records_are_told(file, tmp_path, name):
    load("mosi", data_dir=file)
    (path,) = (tmp_path / "tfds" / "mosi" / "mult_unaligned" / "1.1.0").glob(name)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="prepared records that are whole.*1.1.0', which is dam"):
        batches = load("mosi", data_dir=file)
        batches[0]
    shutil.rmtree(path.parent)
    assert load("mosi", data_dir=file)[0]
