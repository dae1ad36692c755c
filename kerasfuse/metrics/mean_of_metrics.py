"""MeanOfMetrics: several metrics of the same outputs, averaged."""

import keras


@keras.saving.register_keras_serializable(package="kerasfuse")
class MeanOfMetrics(keras.Metric):
    """Average what several metrics measure over the whole data set.

        sum_i m_i / number of metrics

    Of six emotions, for instance, the mean of the accuracies.

    Args:
        parts: list of metrics.
        name: name in logs.
        dtype: dtype of the result, float32 by default whatever the precision policy.

    Call arguments:
        y_true, y_pred, sample_weight: as the metrics take them.

    Raises:
        ValueError: no metrics.

    Example:

    >>> mean = MeanOfMetrics([ClassAccuracy("mosei_happy"), ClassAccuracy("mosei_sad")])
    >>> mean.update_state([[1, 1, 0, 0, 0, 0]], [[2.0, -1.0, 0.0, 0.0, 0.0, 0.0]])
    >>> float(mean.result())
    0.5
    """

    def __init__(self, parts, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype or "float32")
        if not parts:
            raise ValueError("expected `parts` to be metrics, at least one. Received: none")
        self.parts = list(parts)

    def update_state(self, y_true, y_pred, sample_weight=None):
        for part in self.parts:
            part.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        return sum(part.result() for part in self.parts) / len(self.parts)

    def get_config(self):
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {**super().get_config(), "parts": parts}

    @classmethod
    def from_config(cls, config):
        parts = [keras.saving.deserialize_keras_object(part) for part in config["parts"]]
        return cls(**config | {"parts": parts})
