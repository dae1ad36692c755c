"""What may go wrong with simulated clips: contradictions, and modalities that are not there."""

import numpy as np

from kerasfuse.datasets.simulation import BLOCK


def contrary(fraction, num_modalities, generator):
    """Give `(modalities, samples)` booleans: one true in a fraction of the samples."""
    chosen = generator.random(BLOCK) < fraction
    modality = generator.integers(num_modalities, size=BLOCK)
    return chosen & (np.arange(num_modalities)[:, None] == modality)


def kept_modalities(missing, generator):
    """Give `(samples, modalities)` booleans with at least one true a sample."""
    probability = np.array(list(missing.values()))
    draws = generator.random((BLOCK, len(missing)))
    kept = draws >= probability
    none = ~kept.any(axis=1)
    # The one that was nearest to staying stays.
    kept[none, (draws - probability)[none].argmax(axis=1)] = True
    return kept
