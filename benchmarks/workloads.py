"""Training steps to count and to time: every model at the shapes of real data.

Sequences have the widths of CMU-MOSEI, without padding, at the lengths of its unaligned files or
at typical ones of shorter data; models of aligned sequences get as many steps of each as of words.
Images have those of CREMA-D's spectrograms and frames. Models have the settings of their classes,
which are those of the papers, MICA that of its Table 1 for CMU-MOSEI.
"""

import functools
import os

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

WIDTHS = {"text": 300, "audio": 74, "vision": 35}
LENGTHS = {
    "mosei": {"text": 50, "audio": 500, "vision": 500},
    "typical": {"text": 20, "audio": 100, "vision": 80},
    "toy": {"text": 4, "audio": 6, "vision": 5},
}
IMAGES = {"audio": (257, 188, 1), "vision": (224, 224, 3)}
TOY_IMAGES = {"audio": (33, 33, 1), "vision": (32, 32, 3)}
CLASSES = 6
VOCABULARY = 1000


def names():
    """Return the names of all steps."""
    return [*_SEQUENCES, *_ALIGNED, "MAGBERT", *_IMAGE_FUSION, "AGM", "AGM, SGD"]


_SEQUENCES = {
    "MulT": {},
    "MICA": {"beta": 0.5},
    "MICA without losses": {"alpha": 0.0, "beta": 0.0},
    "HCTMG": {},
    "DAHB": {},
    "TextGuidedTransformer": {},
    "LFLSTM": {},
    "TFN": {},
    "LMF": {},
    "MISA": {},
    "MMIM": {},
    "SelfMM": {"num_samples": 16326},
    "EFLSTM with CTC": {"align_to": "text", "align_steps": 50},
}
_ALIGNED = {"EFLSTM": {}, "MFN": {}, "GraphMFN": {}}
_IMAGE_FUSION = ("LateFusion", "EarlyFusion", "FiLMFusion", "GatedFusion")


def make(name, batch, lengths="mosei"):
    """Build and compile a model, and draw a batch for it.

    Args:
        name: one of `names()`.
        batch: number of samples.
        lengths: a key of `LENGTHS`.

    Returns:
        The compiled model, and a function of a number of samples and a key of `LENGTHS`, `batch`
        and `lengths` where nothing is said, that returns a dict of inputs and labels. Images stay
        as large as the model was built for.

    Raises:
        ValueError: for another name.
    """
    import keras

    from kerasfuse import models, training

    if name not in names():
        raise ValueError(f"expected one of {names()}. Received: {name!r}")
    small = lengths == "toy"
    clipped = {"global_clipnorm": 0.8}
    optimizer, loss, draw = keras.optimizers.Adam(1e-3, **clipped), "mae", _sequences
    if name in _SEQUENCES:
        cls, arguments = getattr(models, name.split()[0]), _SEQUENCES[name]
        model = cls(WIDTHS, **arguments)
    elif name in _ALIGNED:
        model, draw = getattr(models, name)(WIDTHS, **_ALIGNED[name]), _aligned
    elif name == "MAGBERT":
        model = models.MAGBERT({**WIDTHS, "text": None}, _bert(1 if small else 12))
        draw = _token_ids
    else:
        fusion = name if name in _IMAGE_FUSION else "LateFusion"
        shapes = TOY_IMAGES if small else IMAGES
        model = _of_images(getattr(models, fusion), shapes)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        draw = functools.partial(_images, shapes)
        if name == "AGM, SGD":
            optimizer = keras.optimizers.SGD(1e-3, momentum=0.9, **clipped)
        if name.startswith("AGM"):
            model = training.Modulated(model, training.AGM(1.0))
    model.compile(optimizer, loss)
    return model, lambda size=batch, lengths=lengths: draw(np.random.default_rng(0), size, lengths)


def _sequences(rng, size, lengths):
    steps = LENGTHS[lengths]
    x = {m: rng.normal(size=(size, steps[m], w)).astype("float32") for m, w in WIDTHS.items()}
    return x, rng.normal(size=(size, 1)).astype("float32")


def _aligned(rng, size, lengths):
    steps = LENGTHS[lengths]["text"]
    x = {m: rng.normal(size=(size, steps, w)).astype("float32") for m, w in WIDTHS.items()}
    return x, rng.normal(size=(size, 1)).astype("float32")


def _token_ids(rng, size, lengths):
    x, y = _aligned(rng, size, lengths)
    x["text"] = rng.integers(1, VOCABULARY, x["text"].shape[:2]).astype("int32")
    return x, y


def _images(shapes, rng, size, lengths):
    x = {m: rng.normal(size=(size, *shape)).astype("float32") for m, shape in shapes.items()}
    return x, rng.integers(0, CLASSES, size)


def _of_images(cls, shapes):
    from kerasfuse.layers import ResNet18

    return cls(shapes, {m: ResNet18(8 if shapes is TOY_IMAGES else 64) for m in shapes}, CLASSES)


def _bert(num_layers):
    """Make what MAGBERT wants of keras-hub, of Keras' own layers, at the width of BERT-base."""
    import keras

    class Positions(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(512, shape[-1]), name="table")

        def call(self, x):
            return keras.ops.broadcast_to(self.table[: x.shape[1]], x.shape)

        def compute_output_shape(self, shape):
            return shape

    class Encoder(keras.layers.Layer):
        def build(self, shape):
            width = shape[-1]
            self.attention = keras.layers.MultiHeadAttention(12, width // 12)
            self.attention.build(shape, shape)
            self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
            self.wide = keras.layers.Dense(4 * width, activation="gelu")
            self.narrow = keras.layers.Dense(width)
            for norm in self.norms:
                norm.build(shape)
            self.wide.build(shape)
            self.narrow.build((*shape[:-1], 4 * width))

        def call(self, x, padding_mask):
            mask = keras.ops.cast(padding_mask, "bool")[:, None]
            x = self.norms[0](x + self.attention(x, x, attention_mask=mask))
            return self.norms[1](x + self.narrow(self.wide(x)))

        def compute_output_spec(self, x, padding_mask):
            return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    class Bert(keras.Model):
        def __init__(self):
            super().__init__()
            width = 768
            self.token_embedding = keras.layers.Embedding(VOCABULARY, width)
            self.position_embedding = Positions()
            self.segment_embedding = keras.layers.Embedding(2, width)
            self.embeddings_add = keras.layers.Add()
            self.embeddings_layer_norm = keras.layers.LayerNormalization()
            self.embeddings_dropout = keras.layers.Dropout(0.1)
            self.transformer_layers = [Encoder() for _ in range(num_layers)]
            self.pooled_dense = keras.layers.Dense(width, activation="tanh")

    return Bert()
