"""Scaled: any fusion model, with the units of its features and labels in it."""

import contextlib

import keras
import numpy as np
from keras import ops

from kerasfuse.layers import AbsentAsZeros, FeatureScaling, LabelScaling
from kerasfuse.models.parts.fusion_model import FusionModel

# Values of a modality that are looked at at most; of more, every second step, and so on.
_MOST_VALUES = 2**24


@keras.saving.register_keras_serializable("kerasfuse")
class Scaled(FusionModel):
    """Standardise what a model reads, and give its outputs in the units of the labels.

        y = mean + deviation model({FeatureScaling(x_m)}_m)

    `adapt` measures features and labels of the training data. They are weights, which are saved
    with the others, so that nothing is standardised twice or never. With `labels` the loss is that
    of centred and scaled labels and outputs, whatever their units, and so are losses that the model
    itself has of labels; metrics and predictions are in the labels' units. Padding and absent
    modalities stay zeros.

    Args:
        model: a model of `kerasfuse.models`.
        features: names of the modalities that are standardised, or `True` for all. Integer ids
            never are.
        labels: whether outputs are scaled: of numbers, not of logits.

    Attributes:
        inner: the model inside.

    Call arguments:
        inputs: as of the model.

    Returns:
        Tensor `(batch, num_outputs)`, float32.

    Raises:
        ValueError: for names that are not those of the model's modalities.

    Example:

    >>> model = Scaled(LFLSTM({"speech": 13, "pulse": 2}), labels=True)
    >>> model.adapt(train)
    >>> model.compile("adam", "mae", metrics=kerasfuse.metrics.regression())
    """

    def __init__(self, model, features=True, labels=False, **kwargs):
        widths = model.modalities
        names = [m for m in widths if widths[m] is not None] if features is True else features or []
        if unknown := [m for m in names if widths.get(m) is None]:
            raise ValueError(
                f"expected features to be True or names among {list(widths)}, of arrays. "
                f"Received: {unknown}"
            )

        # === Layers ===
        scalings = {m: FeatureScaling(name=f"{m}_feature_scaling") for m in names}
        label_scaling = LabelScaling(name="label_scaling") if labels else None

        # === Functional model ===
        inputs = {
            m: keras.Input(x.shape[1:], dtype=x.dtype, name=m, optional=True)
            for m, x in model.input.items()
        }
        present = AbsentAsZeros(widths, model.word_aligned, name="present")(inputs)
        # In the order of the model's own inputs, which Keras compares.
        scaled = {m: scalings[m](present[m]) if m in scalings else present[m] for m in model.input}
        outputs = model(scaled)
        outputs = outputs if label_scaling is None else label_scaling(outputs)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._scaled_inputs = scaled
        self._offer_intermediates(model._offered)

        # === Config ===
        self.inner = model
        self.modalities = dict(widths)
        self.num_outputs = model.num_outputs
        self.word_aligned = model.word_aligned
        self.ignores_padding = model.ignores_padding
        self.features = features if features is True else list(names)
        self.labels = labels
        self.label_scaling = label_scaling
        self._scalings = scalings

    def get_config(self):
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.inner),
            "features": self.features,
            "labels": self.labels,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**config | {"model": model})

    def adapt(self, data):
        """Measure the features of all real steps, and the labels.

        Args:
            data: batches `(inputs, labels, ...)` that can be indexed, such as
                `kerasfuse.datasets.Batches`. Of more than 16 million values of a modality, some of
                the steps are looked at.

        Raises:
            ValueError: for data without batches, or without labels where these are scaled.
        """
        kept = {m: _Thinned() for m in self._scalings}
        labels = []
        for i in range(len(data)):
            inputs, *rest = data[i]
            for m, values in kept.items():
                if inputs.get(m) is not None:
                    values.add(_real_steps(np.asarray(inputs[m])))
            if self.label_scaling is not None:
                if not rest:
                    raise ValueError("expected batches with labels. Received: batches without")
                labels.append(np.asarray(rest[0]).reshape(len(rest[0]), -1))
        for m, values in kept.items():
            # A modality that no sample has stays as it is.
            if (found := values.array()) is not None:
                self._scalings[m].adapt(found)
        if labels:
            self.label_scaling.adapt(np.concatenate(labels))

    def extract(self, *names):
        inside = self.inner.extract(*names)
        # Keras hands a dict on by sorted names, and warns of another order than the model's own.
        order = sorted(inside.input)
        found = keras.Model({m: inside.input[m] for m in order}, inside.output)
        outputs = found({m: self._scaled_inputs[m] for m in order})
        return keras.Model(self.input, outputs, name=f"{self.name}_intermediates")

    def fit(self, x=None, *args, **kwargs):
        # A model that remembers its samples asks for their numbers.
        numbering = getattr(self.inner, "numbering", contextlib.nullcontext)
        with numbering(x):
            return super().fit(x, *args, **kwargs)

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(_without_numbers(inputs), *args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        return super().call(_without_numbers(inputs), training=training, mask=mask)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if self.label_scaling is not None:
            y = ops.convert_to_tensor(y)
            y = ops.reshape(y, (-1, self.num_outputs))
            y, y_pred = self.label_scaling.scaled(y), self.label_scaling.scaled(y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


class _Thinned:
    """Keep rows, and when they become too many, every second one, and so on."""

    def __init__(self):
        self._parts, self._size, self._stride, self._skip = [], 0, 1, 0

    def add(self, rows):
        first = self._skip % self._stride
        taken = rows[first :: self._stride]
        self._skip = (first - len(rows)) % self._stride
        self._parts.append(taken)
        self._size += taken.size
        if self._size > _MOST_VALUES:
            thinner = np.concatenate(self._parts)[::2]
            self._parts, self._size, self._stride = [thinner], thinner.size, 2 * self._stride

    def array(self):
        found = np.concatenate(self._parts) if self._parts else np.empty((0, 1))
        return found if len(found) else None


def _real_steps(x):
    """Return the steps that are not all zeros, `(steps, width)`; of images, their pixels."""
    if x.ndim == 4:
        return x[x.any(axis=(1, 2, 3))].reshape(-1, x.shape[-1])
    return x[x.any(axis=-1)]


def _without_numbers(inputs):
    if not isinstance(inputs, dict):
        return inputs
    return {name: x for name, x in inputs.items() if name != "sample_number"}
