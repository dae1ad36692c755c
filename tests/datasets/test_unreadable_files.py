"""One file among many that cannot be used, in every data set that has files of each sample."""

import csv
import functools
import json
import os
import re

import numpy as np
import pytest

from kerasfuse.datasets import ave as ave_module
from kerasfuse.datasets import convert, load
from kerasfuse.datasets import cremad as cremad_module
from kerasfuse.datasets.conversion import builder, unreadable
from kerasfuse.datasets.formats import openface, wav_and_frames

soundfile = pytest.importorskip("soundfile")
Image = pytest.importorskip("PIL.Image")

COUNT = 20  # of which one is 5 %, the most that may be left out
RATE = 22050
PAGE = b"<!DOCTYPE html>\n<html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)
    for module in (cremad_module, wav_and_frames):  # small images take less time
        monkeypatch.setattr(module, "_SIDE", 16)
        monkeypatch.setattr(module, "_SECONDS", 1)
    monkeypatch.setattr(cremad_module, "_STEPS", 63)


def write_sound(path, seed, seconds=0.2):
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(seed).normal(size=int(seconds * RATE)) / 10
    soundfile.write(path, x, RATE)


def write_frame(folder, seed):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype="uint8")
    Image.fromarray(pixels).save(folder / "0.png")
    return folder / "0.png"


def write_units(path, seed, units=openface.UNITS, frames=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(seed).uniform(0.1, 5, (frames, len(units))).round(2)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([units, *x.tolist()])


def cremad(folder, faces):
    samples = []
    emotions = ("ANG", "SAD") * (COUNT // 2)
    for i, emotion in enumerate(emotions):
        clip = f"{1001 + i // 10}_S{i:02d}_{emotion}_XX"
        write_sound(folder / f"sounds/{clip}.wav", i)
        if faces == "frames":
            face = write_frame(folder / "frames" / clip, i)
        else:
            face = folder / f"units/{clip}.csv"
            write_units(face, i)
        samples.append((clip, {"sound": folder / f"sounds/{clip}.wav", faces: face}))
    return folder, {"vision": faces}, samples


def ravdess(folder):
    samples = []
    for i in range(COUNT):
        take = f"01-{1 + i % 2:02d}-01-01-{i:02d}-{1 + i // 7:02d}"
        files = {
            "sound": folder / f"speech/03-{take}.wav",
            "units": folder / f"faces/01-{take}.csv",
        }
        write_sound(files["sound"], i)
        write_units(files["units"], i)
        samples.append((take, files))
    return folder, {"fold": 3}, samples


def kinetics_sound(folder):
    samples = []
    for i in range(COUNT):
        name = ("bowling", "singing")[i % 2]
        video = folder / "train" / name / f"v{i:02d}"
        write_sound(video.with_suffix(".wav"), i)
        frame = write_frame(video, i)
        samples.append((f"{name}/v{i:02d}", {"sound": video.with_suffix(".wav"), "frames": frame}))
    return folder, {"classes": ["bowling", "singing"]}, samples


def ave(folder):
    lists, samples = {"train": [], "val": [], "test": []}, []
    for i in range(COUNT):
        split = {18: "val", 19: "test"}.get(i, "train")
        event = ("Bell", "Horn")[i % 2]
        lists[split].append(f"{event}&v{i:02d}&good&0&10")
        write_sound(folder / f"wavs/v{i:02d}.wav", i)
        frame = write_frame(folder / f"frames/v{i:02d}", i)
        files = {"sound": folder / f"wavs/v{i:02d}.wav", "frames": frame}
        samples.append((f"v{i:02d} 0-10 {event}", files))
    for split, lines in lists.items():
        (folder / f"{split}Set.txt").write_text("\n".join(lines))
    return folder, {"vision": "frames"}, samples


def own(folder):
    samples, rows = [], [["id", "split", "label", "words", "face"]]
    for i in range(COUNT):
        files = {"array": folder / f"{i}.npy", "units": folder / f"{i}.csv"}
        np.save(files["array"], np.random.default_rng(i).normal(size=(3 + i, 4)))
        write_units(files["units"], i)
        rows.append([f"s{i}", "train", i % 2, f"{i}.npy", f"{i}.csv"])
        samples.append((f"s{i}", files))
    with open(folder / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "table.csv", {}, samples


DATA = {
    "cremad, frames": ("cremad", lambda folder: cremad(folder, "frames")),
    "cremad, units": ("cremad", lambda folder: cremad(folder, "units")),
    "ravdess": ("ravdess", ravdess),
    "kinetics_sound": ("kinetics_sound", kinetics_sound),
    "ave": ("ave", ave),
    "own": ("own", own),
}
KINDS = {
    "cremad, frames": ("sound", "frames"),
    "cremad, units": ("sound", "units"),
    "ravdess": ("sound", "units"),
    "kinetics_sound": ("sound", "frames"),
    "ave": ("sound", "frames"),
    "own": ("array", "units"),
}


def cut(share):
    def damage(file):
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * share)])

    return damage


def link(file):
    file.unlink()
    os.symlink(file.parent / "nowhere", file)


def sound(x):
    return lambda file: soundfile.write(file, x, RATE, subtype="FLOAT")


# Kind of file, what is done to it, the cause in the list.
DAMAGES = {
    "no sound": ("sound", lambda f: f.write_bytes(b"RIFF"), r"cannot be read \(.*"),
    "sound of nothing": ("sound", lambda f: f.write_bytes(b""), r"cannot be read \(.*"),
    "sound, a pointer": ("sound", lambda f: f.write_bytes(POINTER), "Git LFS pointer"),
    "sound, a page": ("sound", lambda f: f.write_bytes(PAGE), "web page"),
    "sound, a third": ("sound", cut(1 / 3), r"truncated \(2,910 of 8,820 bytes of sound\)"),
    "sound, its header": ("sound", cut(0.005), r"truncated \(0 of 8,820 bytes of sound\)"),
    "sound without samples": ("sound", sound(np.zeros(0)), r"under one frame \(no sound\)"),
    "silence": ("sound", sound(np.zeros(5000)), "silent"),
    "10 ms": ("sound", sound(np.sin(np.arange(220.0))), r"under one frame \((10|9.98) ms\)"),
    "sound of NaN": ("sound", sound(np.array([np.nan] + [0.5] * 5000)), "not finite"),
    "sound, a broken link": ("sound", link, r"cannot be read \(.*"),
    "no image": ("frames", lambda f: f.write_bytes(b"no"), r"cannot be read \(.*"),
    "half an image": ("frames", cut(0.5), r"cannot be read \(.*"),
    "image, a pointer": ("frames", lambda f: f.write_bytes(POINTER), "Git LFS pointer"),
    "image, a broken link": ("frames", link, r"cannot be read \(.*"),
    "no table": ("units", lambda f: f.write_bytes(b"a,b\n1,2\n"), r"cannot be read \(.*"),
    "half a line": ("units", cut(0.9), r"cannot be read \(expected 35 numbers in line .*"),
    "a word": (
        "units",
        lambda f: f.write_text(f.read_text().replace(".", "x", 1)),
        r"cannot be read \(expected 35 numbers in line 2 .*",
    ),
    "table, a page": ("units", lambda f: f.write_bytes(PAGE), "web page"),
    "no rows": ("units", lambda f: write_units(f, 0, frames=0), r"under one frame \(no rows\)"),
    "other units": (
        "units",
        lambda f: write_units(f, 0, openface.UNITS[:17]),
        r"of another shape \(.*17.*\)",
    ),
    "table, a broken link": ("units", link, r"cannot be read \(.*"),
    "no array": ("array", lambda f: f.write_bytes(b"no"), r"cannot be read \(.*"),
    "half an array": ("array", cut(0.5), r"cannot be read \(.*"),
    "array, a pointer": ("array", lambda f: f.write_bytes(POINTER), "Git LFS pointer"),
    "no steps": ("array", lambda f: np.save(f, np.zeros((0, 4))), r"under one frame \(.*0, 4.*"),
    "other width": (
        "array",
        lambda f: np.save(f, np.ones((3, 5))),
        r"of another shape \('words': dtype float64, shape \(3, 5\)\)",
    ),
    "no file": ("array", lambda f: f.unlink(), r"cannot be read \(.*"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Make the files of each data set once: name, folder, options, samples."""

    @functools.cache
    def made(case):
        name, make = DATA[case]
        return name, *make(tmp_path_factory.mktemp("files"))

    return made


@pytest.fixture
def spoil():
    """Give a function that damages a file, which is whole again after the test."""
    whole = {}

    def spoil(file, damage):
        whole.setdefault(file, file.read_bytes())
        damage(file)

    yield spoil
    for file, data in whole.items():
        file.unlink(missing_ok=True)
        file.write_bytes(data)


def report(tmp_path):
    (path,) = (tmp_path / "tfds").glob("[!.]*/*/*/kerasfuse.json")
    return json.loads(path.read_text())["report"]


def cases():
    """Give case, damage and the bad sample: some sample, or the first, which others are like."""
    for case, kinds in KINDS.items():
        for damage, (kind, *_) in DAMAGES.items():
            if kind in kinds:
                yield case, damage, 3
                if kind in ("units", "array") and "other" not in damage:
                    yield case, damage, 0


@pytest.mark.parametrize(("case", "damage", "place"), list(cases()))
def test_one_bad_file_stops_or_is_left_out_and_listed(
    files, spoil, tmp_path, case, damage, place, capsys
):
    kind, apply, cause = DAMAGES[damage]
    name, folder, options, samples = files(case)
    sample, found = samples[place]
    spoil(found[kind], apply)

    with pytest.raises((ValueError, FileNotFoundError), match=found[kind].name):
        load(name, data_dir=folder, **options)
    assert not list((tmp_path / "tfds").glob("[!.]*/*/*/kerasfuse.json"))

    capsys.readouterr()
    load(name, data_dir=folder, unreadable="skip", **options)
    told = capsys.readouterr().err
    assert f"left out, 1 of {COUNT} samples, whose files cannot be used: " in told
    assert told.count(f"    {sample}, ") == 1
    (one,) = report(tmp_path)["unreadable"]
    assert one["id"] == sample and found[kind].name in one["file"]
    assert re.fullmatch(cause, one["cause"]), one["cause"]
    assert sum(report(tmp_path)["samples"].values()) == COUNT - 1
    # The report stays with the records, and what somebody asks for later is heeded.
    assert f"    {sample}, {one['file']}: {one['cause']}" in convert(name, folder, **options)
    with pytest.raises(ValueError, match=f'unreadable="stop" says.*{found[kind].name}'):
        load(name, data_dir=folder, unreadable="stop", **options)


def test_what_is_kept_does_not_change(files, spoil):
    name, folder, options, samples = files("own")
    whole = load(name, data_dir=folder, shuffle=False, batch_size=COUNT, **options)
    inputs, _ = whole[0]
    spoil(samples[3][1]["array"], lambda file: file.write_bytes(b"no"))
    kept = load(name, data_dir=folder, shuffle=False, batch_size=COUNT, unreadable="skip")
    rows = [i for i in range(COUNT) if i != 3]
    assert kept.ids == [whole.ids[i] for i in rows]
    np.testing.assert_array_equal(kept.labels, whole.labels[rows])
    for modality, x in inputs.items():
        np.testing.assert_array_equal(kept[0][0][modality], x[rows])


def test_whole_files_serve_both(files, tmp_path, monkeypatch):
    name, folder, options, _ = files("own")
    load(name, data_dir=folder, unreadable="skip")
    monkeypatch.setattr(builder.Builder, "write_piece", lambda *_: pytest.fail("converted again"))
    for wish in ("stop", "skip", None):
        assert load(name, data_dir=folder, unreadable=wish).num_samples == COUNT


def test_repaired_files_are_converted_again(files, spoil, tmp_path):
    name, folder, options, samples = files("own")
    file = samples[3][1]["array"]
    data = file.read_bytes()
    spoil(file, lambda file: file.write_bytes(b"no"))
    assert load(name, data_dir=folder, unreadable="skip").num_samples == COUNT - 1
    file.write_bytes(data)
    assert load(name, data_dir=folder, unreadable="skip").num_samples == COUNT
    assert not report(tmp_path)["unreadable"]


def test_many_samples_are_skipped_by_default(files, spoil, monkeypatch, capsys):
    name, folder, options, samples = files("own")
    monkeypatch.setattr(unreadable, "_SKIPPED_FROM", COUNT)
    spoil(samples[3][1]["array"], lambda file: file.unlink())
    with pytest.raises(
        FileNotFoundError, match="column 'words' names.*table.csv, line 5, sample 's3'"
    ):
        load(name, data_dir=folder, unreadable="stop")
    assert load(name, data_dir=folder).num_samples == COUNT - 1
    assert "left out, 1 of 20 samples" in capsys.readouterr().err


def test_stop_says_how_to_go_on(files, spoil):
    name, folder, options, samples = files("ravdess")
    spoil(samples[3][1]["sound"], cut(1 / 3))
    with pytest.raises(
        ValueError, match=r'8,820 bytes .*after 2,910. Get.* out with unreadable="skip"\.$'
    ):
        load(name, data_dir=folder, **options)


@pytest.mark.parametrize("piece", [1, COUNT])
def test_more_than_a_few_stop_all_the_same(files, spoil, monkeypatch, tmp_path, piece):
    monkeypatch.setattr(builder, "_LEAST_SAMPLES", piece)
    monkeypatch.setattr(builder, "_PIECE_BYTES", 1)
    name, folder, options, samples = files("ravdess")
    spoil(samples[3][1]["sound"], cut(1 / 3))
    spoil(samples[4][1]["sound"], cut(1 / 4))
    spoil(samples[5][1]["units"], link)
    # Read piece by piece; the last pieces are not waited for.
    so_far = "2 of the first 6 of 20 samples: truncated .2." if piece == 1 else "3 of "
    with pytest.raises(ValueError, match=f"at most 5 % .*Received: {so_far}.* Get these") as told:
        load(name, data_dir=folder, unreadable="skip", **options)
    for place in (3, 4):
        assert f"{samples[place][0]}, {samples[place][1]['sound']}: truncated" in str(told.value)
    if piece == COUNT:
        assert "3 of the first 7 of 20 samples: truncated (2), cannot be read (1)" in str(
            told.value
        )
    assert not list((tmp_path / "tfds").rglob("*.npz"))


def test_a_class_or_a_split_without_samples_is_refused(files, spoil):
    name, folder, options, samples = files("own")
    text = folder.read_text()
    spoil(samples[3][1]["array"], lambda file: file.write_bytes(b"no"))

    def relabelled(*changes):
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new)
        spoil(folder, lambda file: file.write_text(changed))
        return folder

    with pytest.raises(
        ValueError, match=r"split and class.*: label 2, whose .*: cannot be read .1.*s3, "
    ):
        load(name, data_dir=relabelled(("s3,train,1", "s3,train,2")), unreadable="skip")
    # Another split still has the class, but nothing learns it.
    changes = (("s3,train,1", "s3,train,2"), ("s4,train,0", "s4,test,2"))
    with pytest.raises(ValueError, match="label 2 in train, whose samples"):
        load(name, data_dir=relabelled(*changes), unreadable="skip")
    with pytest.raises(ValueError, match="in every split and class. Received: test, whose"):
        load(name, data_dir=relabelled(("s3,train,1", "s3,test,1")), unreadable="skip")
    # Ratings are no classes, and other samples of the class will do.
    for changes in (
        [("s3,train,1", "s3,train,2.5")],
        [("s3,train", "s3,test"), ("s5,train", "s5,test")],
    ):
        kept = load(name, data_dir=relabelled(*changes), unreadable="skip")
        assert "s3" not in kept.ids


def test_an_actor_without_samples_is_refused(files, spoil, monkeypatch):
    monkeypatch.setattr(unreadable, "_MOST_SKIPPED", 50)
    name, folder, options, samples = files("ravdess")
    for sample, found in samples:
        if sample.endswith("-03"):
            spoil(found["sound"], link)
    with pytest.raises(ValueError, match="in every split .*actor_03.*: cannot be read .6.. The f"):
        load(name, data_dir=folder, unreadable="skip", **options)


def test_all_tables_unreadable_is_told_of_the_first(files, spoil):
    name, folder, options, samples = files("ravdess")
    for _, found in samples:
        spoil(found["units"], lambda file: file.write_bytes(POINTER))
    with pytest.raises(ValueError, match=f"{samples[0][1]['units'].name}', which is a Git LFS"):
        load(name, data_dir=folder, unreadable="skip", **options)


def test_an_interrupted_conversion_goes_on_with_its_list(files, spoil, monkeypatch, tmp_path):
    monkeypatch.setattr(builder, "_LEAST_SAMPLES", 2)
    monkeypatch.setattr(builder, "_PIECE_BYTES", 1)
    name, folder, options, samples = files("own")
    spoil(samples[3][1]["array"], lambda file: file.write_bytes(b"no"))
    write, written = builder.Builder.write_piece, []

    def interrupted(self, piece, path):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        write(self, piece, path)

    with monkeypatch.context() as patch:
        patch.setattr(builder.Builder, "write_piece", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load(name, data_dir=folder, unreadable="skip")
    # Whoever wants all or nothing does not get pieces that lack a sample.
    with pytest.raises(ValueError, match="3.npy"):
        load(name, data_dir=folder, unreadable="stop")
    assert load(name, data_dir=folder, unreadable="skip").num_samples == COUNT - 1
    assert [one["id"] for one in report(tmp_path)["unreadable"]] == ["s3"]


def test_many_are_all_listed_by_convert(files, spoil, monkeypatch, capsys):
    monkeypatch.setattr(unreadable, "_MOST_SKIPPED", 50)
    name, folder, options, samples = files("own")
    for _, found in samples[:7]:
        spoil(found["array"], lambda file: file.write_bytes(PAGE))
    load(name, data_dir=folder, unreadable="skip")
    told = capsys.readouterr().err
    assert told.count(": web page\n") == 5 and "`kerasfuse convert` lists all of them" in told
    told = convert(name, folder)
    assert "7 of 20 samples, whose files cannot be used: web page (7)." in told
    assert told.count(": web page\n") == 7 and "lists all" not in told


def test_known_sizes_are_those_of_what_is_kept(files, spoil, monkeypatch):
    name, folder, options, samples = files("ave")
    monkeypatch.setattr(ave_module, "_SIZES", {"train": 18, "validation": 1, "test": 1})
    load(name, data_dir=folder, strict=True, **options)
    spoil(samples[3][1]["sound"], cut(1 / 3))
    with pytest.raises(ValueError, match="18/1/1; these files have 17/1/1"):
        load(name, data_dir=folder, strict=True, unreadable="skip", **options)


def test_where_there_is_no_choice(files, tmp_path):
    name, folder, options, _ = files("ravdess")
    with pytest.raises(ValueError, match="stop, skip. Received: unreadable='skipp'. Nearest: skip"):
        load(name, data_dir=folder, unreadable="skipp", **options)
    with pytest.raises(ValueError, match='with vision="frames".*skip.*features'):
        load("ave", data_dir=tmp_path, unreadable="skip")
    np.savez(tmp_path / "train.npz", labels=np.zeros(2), x=np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="unreadable of a table.*skip"):
        load("own", data_dir=tmp_path, unreadable="skip")
