"""What is no file is refused before a reader waits for its end."""

import os

import pytest

from kerasfuse import plain_files


def test_files_and_links_to_them_pass(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    # Neither raises.
    assert plain_files.check(tmp_path / "a") is plain_files.check(tmp_path / "b") is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path)])
def test_what_is_no_file_is_told(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(ValueError, match="expected a file. Received: .*a folder, a pipe or a dev"):
        plain_files.check(tmp_path / "a")


@pytest.mark.parametrize("target", ["a", "nothing"])
def test_links_that_lead_nowhere_are_told(tmp_path, target):
    (tmp_path / "a").symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="expected a file that can be read. Received: .*a'"):
        plain_files.check(tmp_path / "a")
