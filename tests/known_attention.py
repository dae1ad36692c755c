"""A model whose attention is known, and inputs whose real steps are."""

import numpy as np


class KnownModel:
    """Has queries and keys of one head, or only maps, that it was given."""

    def __init__(self, **offered):
        self.offered = {name.replace("__", "/"): np.asarray(x) for name, x in offered.items()}
        self.intermediates = list(self.offered)

    def extract(self, *names):
        self.asked = names
        return self

    def predict_on_batch(self, inputs):
        return {name: self.offered[name] for name in self.asked}


def inputs(target, source):
    """Make modalities with these real steps."""
    target, source = np.asarray(target, "float32"), np.asarray(source, "float32")
    return {"text": target[:, :, None], "audio": source[:, :, None]}
