"""GaussianLikelihood: how well one modality tells another, and a loss that makes it tell more."""

import keras
from keras import ops

from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss


@keras.saving.register_keras_serializable("kerasfuse")
class GaussianLikelihood(AuxiliaryLoss):
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
        super().__init__(weight, **kwargs)
        self.hidden_units = hidden_units

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
            x, y = (self._slowed(ops.cast(v, "float32")) for v in (x, y))
            value = self._negative_log_likelihood(x, y)
            # Its value is weighed here, its gradient where x and y come in.
            self.add_value(value, value + (self.weight - 1.0) * ops.stop_gradient(value))
        return inputs

    def _slowed(self, x):
        """Return x, with `weight` times its gradient.

        One pass, and not one with the weights behind `stop_gradient`: in tensorflow's graphs such
        a read of a variable may come after the step that changes it.
        """
        still = ops.stop_gradient(x)
        return still + self.weight * (x - still)

    def _negative_log_likelihood(self, x, y):
        mean, log_variance = (self._network(name, x) for name in ("mean", "log_variance"))
        terms = ops.square(y - mean) * ops.exp(-log_variance) + log_variance
        return 0.5 * ops.mean(ops.sum(terms, axis=-1))

    def _network(self, name, x):
        kernel, bias, outer_kernel, outer_bias = (
            ops.cast(w, "float32") for w in self.networks[name]
        )
        return ops.matmul(ops.tanh(ops.matmul(x, kernel) + bias), outer_kernel) + outer_bias

    def get_config(self):
        return {**super().get_config(), "hidden_units": self.hidden_units}
