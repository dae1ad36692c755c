"""What stands in place of data, and what the messages say to do about it."""

import numpy as np
import pytest

from kerasfuse.datasets import load
from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.formats import audio_files
from kerasfuse.datasets.formats.restricted_pickle import read_pickle

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"
PAGES = (b"<!DOCTYPE html>\n<html>", b"\xef\xbb\xbf\r\n <HTML lang=de>")


@pytest.mark.parametrize("data", [POINTER, *PAGES])
def test_stand_ins_of_data_are_named(tmp_path, monkeypatch, data):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    pytest.importorskip("soundfile")
    told = "Git LFS pointer.*git lfs pull" if data == POINTER else "web page.*browser"
    for name, read in (
        ("a.wav", lambda file: audio_files.read_sound(file, 16000)),
        ("a.png", lambda file: audio_files.read_image(file, 8)),
        ("a.pkl", read_pickle),
        ("b.pkl", lambda file: load("mosi", data_dir=file)),
        ("a.csv", lambda file: load("own", data_dir=file)),
        ("train.npz", lambda file: load("own", data_dir=file.parent)),
    ):
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}', which is a {told}"):
            read(file)


def test_data_pass(tmp_path):
    for data in (b"", b"<svg>", np.arange(9).tobytes(), b"version 1"):
        (tmp_path / "a").write_bytes(data)
        source_files.check_content(tmp_path / "a")


def test_the_odd_sound(shared_data):
    file = shared_data.parent / "odd_inputs" / "lfs_pointer.wav"
    if not file.is_file():
        pytest.skip(f"no odd file at {file}")
    pytest.importorskip("soundfile")
    with pytest.raises(ValueError, match="lfs_pointer.wav', which is a Git LFS pointer"):
        audio_files.read_sound(file, 16000)
