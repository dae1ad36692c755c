"""What the studies on simulated sequences share: short data, and a model that starts anew."""

import numpy as np

WIDTHS = {"text": 300, "audio": 74, "vision": 35}
STEPS = {"text": 16, "audio": 24, "vision": 20}
DATA = {
    "world": "codes",
    "like": "mosei",
    "typical_lengths": {"text": 8, "audio": 12, "vision": 10},
    "noise": 0.1,
}
SMALL = {"dim": 16, "num_heads": 2, "num_layers": 1}
LEARNING_RATE, CLIP_NORM, BATCH = 3e-3, 0.8, 16
SEEDS = (1, 2, 3, 4, 5)


class Restarted:
    """One compiled model that starts anew with every seed, so that its graph is made once.

    Args:
        build: makes the model, with new random weights at each call.
        learning_rate: Adam's.
    """

    def __init__(self, build, learning_rate=LEARNING_RATE):
        import keras

        self.build = build
        self.model = build()
        optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=CLIP_NORM)
        self.model.compile(optimizer, "mae")
        optimizer.build(self.model.trainable_variables)
        self.optimizer_at_start = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]

    def restart(self, seed):
        """Give the model the weights of that seed, and the optimizer its first state."""
        import keras

        keras.utils.set_random_seed(seed)
        variables = [*self.model.variables, *self.model.optimizer.variables]
        new = [keras.ops.convert_to_numpy(v) for v in self.build().variables]
        for variable, value in zip(variables, new + self.optimizer_at_start, strict=True):
            variable.assign(value)
        return self.model


def arrays(split, num_samples, **knobs):
    """Give inputs and labels of a split, every sample padded to the same number of steps."""
    from kerasfuse import datasets

    batches = datasets.load(
        "simulated", split=split, num_samples=num_samples, shuffle=False, **DATA, **knobs
    )
    x = {m: np.zeros((num_samples, STEPS[m], w), "float32") for m, w in WIDTHS.items()}
    start = 0
    for index in range(len(batches)):
        inputs, labels = batches[index]
        for m, values in inputs.items():
            values = values[:, : STEPS[m]]
            x[m][start : start + len(labels), : values.shape[1]] = values
        start += len(labels)
    return x, batches.labels
