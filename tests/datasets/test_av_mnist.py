"""AV-MNIST: on idx, wav and npy files made here in the same formats, and on the real ones."""

import gzip
import re
import struct

import numpy as np
import pytest

from kerasfuse.datasets import load
from kerasfuse.datasets.formats import av_mnist_arrays

soundfile = pytest.importorskip("soundfile")

SPEAKERS = ("ann", "bob")
NUMBERS = (0, 3, 4, 5, 6, 44, 45, 49)
TRAIN, TEST = 40, 20
# Those of each split's recordings, and how many images there are of 40 and 20.
OWN = {"train": {5, 6, 44}, "validation": {45, 49, 4}, "test": {0, 3}}
COUNTS = {"train": 36, "validation": 4 + 2, "test": 18}


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def pictures(count, seed):
    """Return images that lie on 3 directions, of falling strength, around a mean."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(9).normal(size=(3, 784))
    return 128 + rng.normal(size=(count, 3)) * [9, 3, 1] @ directions


def digits(count):
    return np.arange(count) % 10


def write_idx(path, x):
    raw = struct.pack(f">BBBB{x.ndim}I", 0, 0, 8, x.ndim, *x.shape) + x.astype("uint8").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def tone(digit):
    return np.sin(2 * np.pi * (300 + 350 * digit) * np.arange(2500) / 8000)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data")


def write(folder):
    for name, count, suffix in (("train", TRAIN, ".gz"), ("t10k", TEST, "")):
        images = pictures(count, count).clip(0, 255).reshape(-1, 28, 28)
        write_idx(folder / f"mnist/{name}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"mnist/{name}-labels-idx1-ubyte{suffix}", digits(count))
    (folder / "recordings").mkdir()
    for digit in range(10):
        for speaker in SPEAKERS:
            for number in NUMBERS:
                path = folder / f"recordings/{digit}_{speaker}_{number}.wav"
                soundfile.write(path, tone(digit) / 3, 8000)
    return folder


def stored(folder, split="train", **options):
    options = {"standardize": False, **options}
    return load("av_mnist", split, data_dir=folder, shuffle=False, batch_size=99, **options)


def parts(name):
    whole, i, digit, speaker, number = re.split("[-_]", name)
    return whole, int(i), int(digit), speaker, int(number)


def test_images_and_recordings_are_paired_by_digit_and_in_one_split_each(folder):
    seen = {}
    for split, count in COUNTS.items():
        batches = stored(folder, split)
        assert batches.num_samples == count
        assert batches.modalities == {"image": (28, 28, 1), "audio": (112, 112, 1)}
        for name, label in zip(batches.ids, batches.labels[:, 0], strict=True):
            whole, i, digit, speaker, number = parts(name)
            assert digit == label == i % 10 and number in OWN[split]
            for thing in ((whole, i), (digit, speaker, number)):
                assert seen.setdefault(thing, split) == split
    ids = [parts(name)[:2] for name in stored(folder, "validation").ids]
    assert ids == [("train", i) for i in range(36, 40)] + [("test", i) for i in range(18, 20)]
    # Digit 3 comes four times: three recordings of two speakers, in turn.
    clips = [parts(name)[3:] for name in stored(folder).ids if parts(name)[2] == 3]
    assert clips == [("ann", 5), ("bob", 5), ("ann", 6), ("bob", 6)][: len(clips)]


def test_images_keep_the_leading_components_of_the_training_images(folder):
    raw = {"train": pictures(TRAIN, TRAIN), "test": pictures(TEST, TEST)}
    raw = {part: x.clip(0, 255).astype("uint8").astype("float64") for part, x in raw.items()}
    mean = raw["train"][:36].mean(axis=0)
    # By singular values; the first direction alone has more than a quarter of the variance.
    _, sizes, directions = np.linalg.svd(raw["train"][:36] - mean, full_matrices=False)
    assert sizes[0] ** 2 > 0.25 * (sizes**2).sum()
    first = directions[:1]
    for split in COUNTS:
        batches = stored(folder, split)
        images = batches[0][0]["image"].reshape(-1, 784)
        for name, image in zip(batches.ids, images, strict=True):
            whole, i, *_ = parts(name)
            wanted = (raw[whole][i] - mean) @ first.T @ first + mean
            np.testing.assert_allclose(255 * image, wanted.clip(0, 255), atol=0.51)


def test_spectrograms_show_the_sound_in_noise(folder, monkeypatch):
    from kerasfuse.datasets import av_mnist_pairs

    monkeypatch.setattr(av_mnist_pairs, "_SIGNAL_TO_NOISE", 20)
    batches = stored(folder)
    audio = batches[0][0]["audio"]
    assert audio.min() >= 0 and (audio.max(axis=(1, 2, 3)) == 1).all()
    loudest = audio[:, :, 10:25, 0].mean(axis=2).argmax(axis=1)
    wanted = (300 + 350 * batches.labels[:, 0]) / (8000 / 222)
    np.testing.assert_allclose(loudest, wanted, atol=1)
    # The noise of one window of a sample, far from the tone's end, against numpy.
    i = 4
    sound = np.pad(tone(4) * np.sqrt(2), (0, 5500))
    x = sound + 0.1 * np.random.default_rng([0, i]).standard_normal(8000, "float32")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(222) / 222)
    at = 20 * 72 - 111
    window = 20 * np.log10(np.abs(np.fft.rfft(x[at : at + 222] * hann)))
    got = 40 * audio[i, :, 20, 0]
    heard = got > 0
    assert heard.sum() > 40
    np.testing.assert_allclose((got - got.max())[heard], (window - window.max())[heard], atol=0.3)
    # The same sound again has other noise.
    assert 0.001 < np.abs(audio[4] - audio[14])[:, :30].mean() < 0.2


def test_the_noise_of_a_sample_is_always_the_same(folder, tmp_path, monkeypatch):
    before = stored(folder).checksum()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "again"))
    assert stored(folder).checksum() == before


def test_what_is_standardized_is_in_units_of_the_training_set(folder):
    from kerasfuse.datasets import av_mnist

    plain, scaled = stored(folder)[0][0], stored(folder, standardize=True)[0][0]
    for name, (mean, deviation) in av_mnist._MOMENTS.items():
        wanted = (plain[name].astype("float64") - mean) / deviation
        np.testing.assert_allclose(scaled[name], wanted, atol=1e-5)
    with pytest.raises(ValueError, match="Received: standardize='yes'"):
        stored(folder, standardize="yes")


def test_a_small_training_set(folder, monkeypatch, capsys):
    from kerasfuse.datasets import av_mnist

    monkeypatch.setattr(av_mnist, "_SMALL", 20)
    whole, small = stored(folder), stored(folder, small=True)
    assert small.ids == whole.ids[:20]
    assert stored(folder, "test", small=True).ids == stored(folder, "test").ids
    assert "known split sizes are 20/7000/9000; these files have 20/6/18" in capsys.readouterr().err
    with pytest.raises(ValueError, match="strict=True.*54000/7000/9000"):
        stored(folder, strict=True)
    with pytest.raises(ValueError, match="Received: small=3"):
        stored(folder, small=3)


def write_dump(folder):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        arrays[f"image/{part}_data"] = rng.uniform(0, 255, (count, 784))
        arrays[f"audio/{part}_data"] = rng.integers(0, 256, (count, 112, 112), dtype="uint8")
        arrays[f"{part}_labels"] = digits(count)
    for name, x in arrays.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", x)
    return arrays


def test_the_arrays_that_circulate(tmp_path, capsys):
    folder = tmp_path / "avmnist"
    arrays = write_dump(folder)
    for split, rows in {"train": [("train", slice(36))], "test": [("test", slice(18))]}.items():
        ((part, rows),) = rows
        (inputs, labels) = stored(folder, split)[0]
        for name, shape in (("image", (28, 28, 1)), ("audio", (112, 112, 1))):
            x = arrays[f"{name}/{part}_data"][rows].reshape(-1, *shape)
            np.testing.assert_allclose(inputs[name], x / 255, rtol=1e-6)
        np.testing.assert_array_equal(labels[:, 0], arrays[f"{part}_labels"][rows])
    tail = stored(folder, "validation")
    assert tail.ids == [*(f"train-{i:05d}" for i in range(36, 40)), "test-00018", "test-00019"]
    assert "may be in two splits" in capsys.readouterr().err


DAMAGES = {
    "gzip": (
        lambda f: (f / "mnist/train-images-idx3-ubyte.gz").write_bytes(b"no"),
        "gzip file.*train-images-idx3-ubyte.gz",
    ),
    "cut": (
        lambda f: (f / "mnist/t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9])),
        "1 axes.*t10k-labels-idx1-ubyte', 8 bytes .* tell of 9",
    ),
    "swapped": (
        lambda f: write_idx(f / "mnist/t10k-labels-idx1-ubyte", np.zeros((20, 28, 28))),
        "1 axes.*t10k-labels",
    ),
    "counts": (
        lambda f: write_idx(f / "mnist/t10k-labels-idx1-ubyte", digits(19)),
        "as many labels.*and 19 in .*t10k-labels",
    ),
    "labels": (
        lambda f: write_idx(f / "mnist/t10k-labels-idx1-ubyte", digits(20) + 1),
        "digits. Received: label 10",
    ),
    "no recordings": (
        lambda f: [path.unlink() for path in f.glob("recordings/7_*_4*.wav")],
        "recordings of 7 with the numbers 45 to 49",
    ),
    "no wav": (
        lambda f: (f / "recordings/2_ann_5.wav").write_bytes(b"RIFF"),
        "wav or flac file.*2_ann_5.wav",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_named(folder, damage):
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(ValueError, match=message):
        stored(folder)


def test_an_archive_is_no_array(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.savez(file, x=np.ones(3))
    with pytest.raises(ValueError, match="array of numbers.*a.npy', .*an archive of arrays"):
        av_mnist_arrays._open_array(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("name", "x", "message"),
    [
        ("audio/test_data", np.zeros((20, 112, 111)), r"20 samples of 112 x 112 x 1 .*112, 111\)"),
        ("image/train_data", np.full((40, 784), "a"), "dtype <U1"),
        ("train_labels", digits(39), "39 samples"),
        ("test_labels", np.full(20, "seven"), r"label of sample 'test-00018' in .*test\[18\]"),
        ("train_labels", np.array([{}] * 40), "array of numbers.*train_labels.npy"),
    ],
)
def test_damaged_arrays_are_named(tmp_path, name, x, message):
    write_dump(tmp_path)
    np.save(tmp_path / f"{name}.npy", x, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        stored(tmp_path)


def test_files_that_are_not_there(folder, tmp_path):
    (folder / "mnist/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="files of MNIST and recordings.*KERASFUSE_DATA"):
        stored(folder)


def test_the_real_files(shared_data, monkeypatch, tmp_path):
    from kerasfuse.datasets import av_mnist

    if not (shared_data / "mnist").is_dir() or not (shared_data / "fsdd").is_dir():
        pytest.skip(f"no MNIST or spoken digits at {shared_data}")
    found = av_mnist._find(shared_data)
    assert len(found.clips) == 3000
    source = av_mnist._source(found, small=False)
    assert {split: count for split, (count, _) in source.splits.items()} == source.known_sizes
    assert source.notes == ["Of the images 4 principal components are left."]
    count, read = av_mnist._source(av_mnist._find(shared_data), small=True).splits["train"]
    # An odd step: MNIST's two sources take turns, and one writes bolder.
    pairs = [read(i).features for i in range(0, count, 51)]
    for name, wanted in av_mnist._MOMENTS.items():
        values = np.stack([pair[name] for pair in pairs]) / 255
        assert (values.mean(), values.std()) == pytest.approx(wanted, abs=0.006)
    used = {}
    for split, (count, read) in source.splits.items():
        labels = []
        for i in range(0, count, 97):
            sample = read(i)
            *_, digit, speaker, number = parts(sample.id)
            assert used.setdefault((digit, speaker, number), split) == split
            labels.append(int(sample.label))
            assert digit == sample.label
        assert set(labels) == set(range(10))
