"""GaussianLikelihood: how well one modality tells another, and a loss that makes it tell more."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class GaussianLikelihood(keras.layers.Layer):
    """Add a bound of the mutual information of two vectors to the loss, in training only.

        q(y | x) = N(mu(x), diag exp s(x)),   mu and s networks of one hidden layer each
        L = -weight x mean over samples of log q(y | x),   up to a constant

    The networks learn to tell y from x, and x and y to be told from each other, at different
    speeds: the gradient of the networks is that of weight 1, with x and y as they are; the gradient
    of x and y is that of L, with the networks as they are.

    Reference: Han, Chen, Poria, "Improving Multimodal Fusion with Hierarchical Mutual Information
    Maximization for Multimodal Sentiment Analysis" (MMIM), EMNLP 2021, section 3. The paper takes
    turns: an epoch for the networks, then an epoch for the rest; here every step does both.

    Args:
        hidden_units: width of the hidden layers.
        weight: factor of the loss.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        x: tensor `(batch, width)`.
        y: tensor `(batch, width')`.

    Returns:
        `inputs`.

    Example:

    >>> z = GaussianLikelihood(hidden_units=32, weight=0.1)(z, x=text, y=audio)
    """

    loss_name = "likelihood"

    def __init__(self, hidden_units, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = hidden_units
        self.weight = weight

    def build(self, inputs_shape, x_shape, y_shape):
        sizes = (x_shape[-1], self.hidden_units, y_shape[-1])
        self.networks = {
            name: [
                self.add_weight(shape=shape, initializer=initializer, name=f"{name}_{part}_{layer}")
                for layer, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
                for part, shape, initializer in (
                    ("kernel", (fan_in, fan_out), "glorot_uniform"),
                    ("bias", (fan_out,), "zeros"),
                )
            ]
            for name in ("mean", "log_variance")
        }

    def call(self, inputs, x, y, training=None):
        if training:
            learnt = self._negative_log_likelihood(ops.stop_gradient(x), ops.stop_gradient(y))
            wanted = self._negative_log_likelihood(x, y, frozen=True)
            # The first has a gradient, and no value of its own.
            self.add_loss(self.weight * wanted + learnt - ops.stop_gradient(learnt))
        return inputs

    def _negative_log_likelihood(self, x, y, frozen=False):
        x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
        mean, log_variance = (self._network(name, x, frozen) for name in ("mean", "log_variance"))
        terms = ops.square(y - mean) * ops.exp(-log_variance) + log_variance
        return 0.5 * ops.mean(ops.sum(terms, axis=-1))

    def _network(self, name, x, frozen):
        weights = [ops.cast(w, "float32") for w in self.networks[name]]
        if frozen:
            weights = [ops.stop_gradient(w) for w in weights]
        kernel, bias, outer_kernel, outer_bias = weights
        return ops.matmul(ops.tanh(ops.matmul(x, kernel) + bias), outer_kernel) + outer_bias

    def compute_output_spec(self, inputs, x, y, training=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        config = {"hidden_units": self.hidden_units, "weight": self.weight}
        return {**super().get_config(), **config}
