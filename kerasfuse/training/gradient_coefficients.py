"""Coefficients on the gradients of variables, and noise: one place for every strategy."""

import keras
from keras import ops


class CoefficientChannel(keras.layers.Layer):
    """Carry the coefficients of a step from the loss to the optimizer, as a gradient.

        loss + sum_i stop(k_i) (c_i - stop(c_i))        value: that of loss;   gradient in c: k

    The coefficients of a step are known once its outputs are, after which Keras' own steps hand
    nothing but gradients to the optimizer. The variable c is never updated. So scaling happens in
    the step that it was computed from, on every backend, without a forward pass to foresee it.

    Args:
        size: number of coefficients.

    Call arguments:
        coefficients: tensor `(size,)`.

    Returns:
        Scalar 0 whose gradient in `carrier` is `coefficients`.
    """

    def __init__(self, size, **kwargs):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.size = size
        self.carrier = self.add_weight(name="carrier", shape=(size,), initializer="zeros")
        self.built = True

    def call(self, coefficients):
        carrier = self.carrier.value
        change = carrier - ops.stop_gradient(carrier)
        return ops.sum(ops.stop_gradient(coefficients) * change)


class ScaledGradients(keras.optimizers.Optimizer):
    r"""Scale the gradients of some variables, and add noise, before another optimizer sees them.

        g <- k_m g + N(0, (sd(g) + 1e-8)^2)       for each variable g of modality m

    sd is taken over the entries of a tensor, before scaling. Clipping, accumulation, decay and
    averages are those of the inner optimizer, after this.

    Args:
        inner_optimizer: a `keras.optimizers.Optimizer`.
        carrier: the variable of a `CoefficientChannel`, whose gradient is `(k_1, ..., k_n, a)`;
            noise is added where a is not 0.
        variables: list of the lists of variables of each modality.
        noise: whether there is noise.
    """

    def __init__(self, inner_optimizer, carrier, variables, noise=False):
        super().__init__(learning_rate=0.0, name="scaled_gradients")
        self.inner_optimizer = inner_optimizer
        # By identity: Keras would take a variable held here for one of the optimizer's own.
        self._carrier = id(carrier)
        self._modality = {id(v): i for i, found in enumerate(variables) for v in found}
        self.noise = None
        if noise:
            self.noise = keras.random.SeedGenerator()
            self._track_variable(self.noise.state)

    def build(self, variables):
        self.inner_optimizer.build([v for v in variables if id(v) != self._carrier])
        super().build(variables)

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        variables = list(trainable_variables or self._trainable_variables)
        pairs = list(zip(grads, variables, strict=True))
        carried = next(g for g, v in pairs if id(v) == self._carrier)
        if self.inner_optimizer.loss_scale_factor:
            carried = carried / self.inner_optimizer.loss_scale_factor
        pairs = [(self._modulate(g, v, carried), v) for g, v in pairs if id(v) != self._carrier]
        self.inner_optimizer.apply(*map(list, zip(*pairs, strict=True)))

    def _modulate(self, gradient, variable, carried):
        if gradient is None or id(variable) not in self._modality:
            return gradient
        gradient = ops.convert_to_tensor(gradient)
        scaled = gradient * ops.cast(carried[self._modality[id(variable)]], gradient.dtype)
        if self.noise is None:
            return scaled
        deviation = (ops.std(gradient) + 1e-8) * ops.cast(carried[-1] != 0, gradient.dtype)
        # The variable's shape: TensorFlow does not know that of every gradient in a graph.
        return scaled + deviation * keras.random.normal(
            tuple(variable.shape), dtype=gradient.dtype, seed=self.noise
        )

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(
            [v for v in var_list if id(v) != self._carrier]
        )
