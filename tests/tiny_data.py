"""Miniature files in the formats in which the data sets circulate."""

import json
import pickle

import h5py
import numpy as np

SIZES = {"train": 7, "valid": 3, "test": 4}
WIDTHS = {
    "mosi": {"text": 300, "audio": 5, "vision": 20},
    "mosei": {"text": 300, "audio": 74, "vision": 35},
    "iemocap": {"text": 300, "audio": 74, "vision": 35},
    "sims": {"text": 768, "audio": 33, "vision": 709},
}
STEPS = {"text": 6, "audio": 11, "vision": 9}


def sequences(generator, count, steps, width, front):
    """Make samples of random lengths among zeros: `(samples, steps, width)` and the lengths."""
    x = generator.normal(size=(count, steps, width)).astype("float32")
    lengths = generator.integers(1, steps, count)
    for sample, length in zip(x, lengths, strict=True):
        sample[slice(0, steps - length) if front else slice(length, None)] = 0
    return x, lengths


def mult(name="mosei", aligned=False, seed=0):
    """Make what a pickle of MulT holds: float64, front padded, labels `(samples, 1, 1)`."""
    generator = np.random.default_rng(seed)
    tree = {}
    for split, count in SIZES.items():
        part = {}
        for modality, width in WIDTHS[name].items():
            steps = STEPS["text" if aligned else modality]
            part[modality] = sequences(generator, count, steps, width, front=True)[0].astype(float)
        if name == "iemocap":
            present = generator.integers(0, 2, (count, 4))
            part["labels"] = np.stack([1 - present, present], axis=2)
        else:
            part["labels"] = generator.uniform(-3, 3, (count, 1, 1))
        part["id"] = np.array(
            [[f"{split}{i}".encode(), b"0.5", b"2.25"] for i in range(count)], dtype=object
        )
        tree[split] = part
    return tree


def mmsa(name="sims", unimodal=True, seed=0, aligned=False):
    """Make what a pickle of MMSA holds: back padded, token ids, labels of each modality."""
    generator = np.random.default_rng(seed)
    tree = {}
    for split, count in SIZES.items():
        part = {"raw_text": np.array([f"words {i}" for i in range(count)])}
        for modality, width in WIDTHS[name].items():
            width = 768 if modality == "text" else width
            steps = STEPS["text" if aligned else modality]
            part[modality], lengths = sequences(generator, count, steps, width, front=False)
            part[f"{modality}_lengths"] = lengths.tolist()
        mask = np.arange(STEPS["text"]) < np.array(part.pop("text_lengths"))[:, None]
        ids = generator.integers(100, 999, mask.shape) * mask
        part["text_bert"] = np.stack([ids, mask, 0 * ids], axis=1).astype("float32")
        part["id"] = [f"{split}$_${i}" for i in range(count)]
        part["regression_labels"] = generator.uniform(-1, 1, count).astype("float32")
        for letter in "TAV" if unimodal else "":
            part[f"regression_labels_{letter}"] = generator.uniform(-1, 1, count)
        tree[split] = part
    return tree


def sequences_of_mosei(folder, seed=0, segments=3):
    """Write `.csd` files of CMU-MOSEI: seven videos, sentiment and emotions in files of their own.

    Returns:
        dict of split to the strengths of emotions `(samples, 6)`, in the order of the samples.
    """
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lists = {"train": ["v0", "v1", "v2", "v3"], "validation": ["v4"], "test": ["v5", "v6"]}
    (folder / "folds.json").write_text(json.dumps(lists))
    names = ("TimestampedWordVectors", "COVAREP", "VisualFacet42")
    edges = np.arange(2 * segments + 1.0)
    times = np.stack([edges[:-1], edges[1:]], axis=1)
    videos = [video for found in lists.values() for video in found]
    # About half of the emotions are absent.
    strengths = {v: generator.integers(-3, 4, (segments, 6)).clip(0) / 3 for v in videos}
    labels = np.stack([edges[:-1:2], edges[2::2]], axis=1)
    files = {
        **{
            f"CMU_MOSEI_{name}": {
                v: (generator.normal(size=(len(times), width)), times) for v in strengths
            }
            for name, width in zip(names, WIDTHS["mosei"].values(), strict=True)
        },
        "CMU_MOSEI_LabelsEmotions": {v: (x, labels) for v, x in strengths.items()},
        "CMU_MOSEI_LabelsSentiment": {
            v: (generator.uniform(-3, 3, (segments, 1)), labels) for v in strengths
        },
    }
    for name, data in files.items():
        root = {"LabelsEmotions": "Emotion Labels", "LabelsSentiment": "Sentiment Labels"}
        root = root.get(name.removeprefix("CMU_MOSEI_"), name)
        with h5py.File(folder / f"{name}.csd", "w") as file:
            for video, (x, intervals) in data.items():
                file[f"{root}/data/{video}/features"] = x
                file[f"{root}/data/{video}/intervals"] = intervals
    return {
        split: np.concatenate([strengths[video] for video in videos])
        for split, videos in lists.items()
    }


def dump(tree, path, protocol=2):
    """Pickle a tree of arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tree, protocol))
    return path
