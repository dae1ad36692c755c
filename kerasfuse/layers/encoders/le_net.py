"""LeNet: a small encoder of images and spectrograms."""

import keras


@keras.saving.register_keras_serializable("kerasfuse")
class LeNet(keras.layers.Layer):
    """Encode an image into a vector by two convolutions and a dense layer.

        x = relu(maxpool_2(conv_5/s(image))),   x = relu(maxpool_2(conv_5(x))),   y = relu(W x + b)

    With neither batch norm nor dropout, so that AGM uses its outputs again. A stride of 4 takes an
    image of 112 x 112 as if it were of 28 x 28.

    Reference: after LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998,
    with rectifiers and the largest of four in the place of its nonlinearities and means; either
    order of the two gives the same, and this one rectifies a quarter of the numbers. 113,664
    parameters for one channel and 28 x 28 positions after the first stride.

    Args:
        filters: channels of the two convolutions.
        units: width of the vector.
        stride: stride s of the first convolution.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)` of a fixed size.

    Returns:
        Tensor `(batch, units)`. Zeros, an absent image, give a vector that need not be zero.

    Example:

    >>> LeNet(stride=4)(np.ones((2, 112, 112, 1))).shape   # (2, 64)
    """

    def __init__(self, filters=(16, 32), units=64, stride=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.units = units
        self.stride = stride

    def build(self, inputs_shape):
        policy = self.dtype_policy
        for_relu = {"kernel_initializer": "he_normal", "dtype": policy}
        self.steps = []
        shape = inputs_shape
        for i, (channels, stride) in enumerate(zip(self.filters, (self.stride, 1), strict=True)):
            convolution = keras.layers.Conv2D(
                channels, 5, stride, padding="same", name=f"convolution_{i}", **for_relu
            )
            pool = keras.layers.MaxPooling2D(2, padding="same", dtype=policy)
            convolution.build(shape)
            shape = pool.compute_output_shape(convolution.compute_output_shape(shape))
            self.steps += [convolution, pool, keras.layers.ReLU(dtype=policy)]
        flatten = keras.layers.Flatten(dtype=policy)
        dense = keras.layers.Dense(self.units, "relu", name="dense", **for_relu)
        dense.build(flatten.compute_output_shape(shape))
        self.steps += [flatten, dense]

    def call(self, inputs):
        x = inputs
        for step in self.steps:
            x = step(x)
        return x

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.units)

    def get_config(self):
        config = {"filters": self.filters, "units": self.units, "stride": self.stride}
        return {**super().get_config(), **config}
