"""Miniature files in the formats in which the data sets circulate."""

import pickle

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


def dump(tree, path, protocol=2):
    """Pickle a tree of arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tree, protocol))
    return path
