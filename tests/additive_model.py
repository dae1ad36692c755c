"""A model whose modalities add up, whatever the padding: what it does is known in closed form."""

import keras
import numpy as np
from keras import ops

from kerasfuse.datasets import Batches

WEIGHTS = {"text": 2.0, "audio": -1.0, "vision": 0.5}


class SumOfSums(keras.Model):
    """y = sum_m w_m sum of all features of m."""

    def call(self, inputs):
        sums = [w * ops.sum(inputs[m], axis=(1, 2)) for m, w in WEIGHTS.items()]
        return ops.expand_dims(sum(sums), -1)


def samples(count=11):
    rng = np.random.default_rng(5)
    return {
        m: [rng.normal(size=(rng.integers(1, 9), width)) for _ in range(count)]
        for m, width in (("text", 3), ("audio", 2), ("vision", 1))
    }


def batches(**options):
    inputs = samples()
    labels = sum(WEIGHTS[m] * sums(inputs)[m] for m in WEIGHTS) + 0.5
    return Batches(inputs, labels, **{"batch_size": 4, **options})


def sums(inputs):
    return {m: np.array([x.sum() for x in arrays]) for m, arrays in inputs.items()}
