"""Files are written whole or not at all."""

import errno
import os
import pathlib

import pytest

from kerasfuse import atomic


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / "new" / "a.weights.h5"
    with atomic.replacing(path) as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic.replacing(path) as temporary:
        temporary.write_text("ha")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("write failed (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.weights.h5"
    path.write_text("old")
    with pytest.raises(OSError, match="expected room for a.weights.h5. Received: a full disk"):
        with atomic.replacing(path) as temporary:
            temporary.write_text("ha")
            raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a place that can be written to.*folder="):
        with atomic.replacing(tmp_path / "file" / "a.txt"):
            pass


def test_check_writable_makes_the_folder_and_nothing_else(tmp_path):
    atomic.check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a place that can be written to"):
        atomic.check_writable(tmp_path / "file" / "new")


def test_a_folder_that_was_made_in_vain_goes_again(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="in vain"), atomic.making(tmp_path / "there" / "a" / "b"):
        assert (tmp_path / "there" / "a" / "b").is_dir()
        raise ValueError("in vain")
    assert list((tmp_path / "there").iterdir()) == []
    with pytest.raises(ValueError), atomic.making(tmp_path / "kept"):
        (tmp_path / "kept" / "file").write_text("")
        raise ValueError("in vain")
    assert (tmp_path / "kept" / "file").exists()
    with atomic.making(tmp_path / "new"):
        pass
    assert (tmp_path / "new").is_dir()
    place = tmp_path / "x" / "y" / ("n" * 300)
    with pytest.raises(OSError, match="expected a place"), atomic.making(place):
        pass
    assert not (tmp_path / "x").exists()


def test_looking_for_room_leaves_nothing_to_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "unlink", lambda path, **keywords: None)
    atomic.check_writable(tmp_path)
    atomic.check_file(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="expected a place that can be written to"):
        atomic.check_file(tmp_path / ("x" * 300))


def test_what_a_killed_process_left_of_the_same_file_is_removed(tmp_path):
    (tmp_path / ".01234567.a.txt").touch()
    (tmp_path / ".01234567.b.txt").touch()
    (tmp_path / ".a.txt.lock").touch()
    with atomic.replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".01234567.b.txt", "a.txt"]
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".c.txt.lock").touch()
    atomic.sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.txt", "below"]


def test_a_lock_that_is_held_stays(tmp_path):
    with atomic.locked(tmp_path / ".lock"):
        atomic.release(tmp_path / ".lock")
        assert (tmp_path / ".lock").exists()
    (tmp_path / ".lock").touch()
    atomic.release(tmp_path / ".lock")
    assert not (tmp_path / ".lock").exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_nothing_takes_the_place_of_what_is_no_file(tmp_path, make):
    make(tmp_path / "a")
    for write in (atomic.check_file, lambda path: atomic.replacing(path).__enter__()):
        with pytest.raises(OSError, match="expected the name of a file. Received: .*a folder, a"):
            write(tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_that_only_words_tell(tmp_path):
    with pytest.raises(OSError, match="expected room for a.txt"):
        with atomic.replacing(tmp_path / "a.txt"):
            raise RuntimeError("INTERNAL: write: No space left on device")
