"""How long the sequences of a split are."""

import numpy as np


def mean_steps(test):
    """Return the mean number of real steps of each sequence of a split, rounded, at least 1.

    Sequences that share their steps have the number of those that are real in any of them.
    """
    sequences = [name for name, width in test.modalities.items() if isinstance(width, int | None)]
    counts = {}
    for index in range(len(test)):
        inputs = test[index][0]
        real = {m: inputs[m] != 0 for m in sequences}
        real = {m: x if x.ndim == 2 else np.any(x, axis=-1) for m, x in real.items()}
        if test.aligned:
            shared = np.any([real[m] for m in test.aligned], axis=0)
            real |= dict.fromkeys(test.aligned, shared)
        for name in sequences:
            counts.setdefault(name, []).extend(real[name].sum(axis=1).tolist())
    return {name: max(1, round(float(np.mean(found)))) for name, found in counts.items()}
