"""ResNet18: an encoder of images and spectrograms."""

import keras

from kerasfuse import backend
from kerasfuse.layers.sublayer import calls_are_watched

STAGES = (1, 2, 4, 8)
BLOCKS = 2


@keras.saving.register_keras_serializable("kerasfuse")
class ResNet18(keras.layers.Layer):
    """Encode an image, or a spectrogram, into a vector by a residual network of 18 layers.

        x = maxpool_3/2(relu(BN(conv_7/2(image))))
        x = relu(x' + BN(conv_3(relu(BN(conv_3/s(x))))))     2 blocks each of width w, 2w, 4w, 8w
        y = mean over positions of x

    with s = 2 where a width begins but the first, and x' = x, or BN(conv_1/s(x)) where the shape
    changes.

    Our own and not keras-hub's, which would bring TensorFlow into an environment that trains on
    another backend, and whose presets are of three channels.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with one input
    channel in AGM (Li et al., ICCV 2023). Padding is that of PyTorch, 3 on both sides of the first
    convolution and 1 of others. 11.17 million parameters at width 64 and one channel.

    Args:
        width: channels w of the first stage; 64 in the paper.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)` of any size and number of channels.

    Returns:
        Tensor `(batch, 8 w)`. Zeros, an absent image, give a vector that is not zero.

    Example:

    >>> ResNet18(width=64)(np.ones((2, 112, 112, 1))).shape   # (2, 512)
    """

    def __init__(self, width=64, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.convolutions, self.norms = {}, {}

        def convolution(name, channels_in, channels, size):
            layer = keras.layers.Conv2D(
                channels,
                size,
                strides=2 if name in halving else 1,
                padding="valid",
                use_bias=False,
                kernel_initializer="he_normal",
                name=name,
                dtype=policy,
            )
            layer.build((None, None, None, channels_in))
            norm = keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"{name}_norm", dtype=policy
            )
            norm.build((None, None, None, channels))
            self.convolutions[name], self.norms[name] = layer, norm

        halving = {"stem", *(f"stage_{i}_block_0_first" for i in (1, 2, 3))}
        convolution("stem", inputs_shape[-1], self.width, 7)
        before = self.width
        for i, factor in enumerate(STAGES):
            width = self.width * factor
            for j in range(BLOCKS):
                name = f"stage_{i}_block_{j}"
                convolution(f"{name}_first", before, width, 3)
                convolution(f"{name}_second", width, width, 3)
                if before != width:
                    convolution(f"{name}_shortcut", before, width, 1)
                before = width
        self.pads = {n: keras.layers.ZeroPadding2D(n, dtype=policy) for n in (1, 3)}
        self.pool = keras.layers.MaxPooling2D(3, 2, dtype=policy)
        self.mean = keras.layers.GlobalAveragePooling2D(dtype=policy)

    def call(self, inputs, training=None):
        images = None if calls_are_watched() else backend.images(self)
        images = images or _Images(self)

        def convolve(x, name, pad=1):
            return images.convolve(x, self.convolutions[name], self.norms[name], pad, training)

        # After relu nothing is below 0, so that zeros are as good as PyTorch's -inf.
        x = images.pool(keras.ops.relu(convolve(images.read(inputs), "stem", pad=3)))
        for i in range(len(STAGES)):
            for j in range(BLOCKS):
                name = f"stage_{i}_block_{j}"
                shortcut = f"{name}_shortcut"
                inner = keras.ops.relu(convolve(x, f"{name}_first"))
                if shortcut in self.norms:
                    # PyTorch's convolution of size 1 in steps of 2 writes past its memory on some
                    # processors, channels last (2.13, 8 x 10 positions of 4 channels).
                    x = convolve(images.halved(x), shortcut, pad=0)
                x = keras.ops.relu(x + convolve(inner, f"{name}_second"))
        return images.mean(x)

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.width * STAGES[-1])

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class _Images:
    """The layers of Keras that work on images, channels last."""

    def __init__(self, encoder):
        self.pads, self.pool_padded, self.mean = encoder.pads, encoder.pool, encoder.mean

    def read(self, inputs):
        return inputs

    def convolve(self, x, convolution, norm, pad, training):
        return norm(convolution(self.pads[pad](x) if pad else x), training=training)

    def halved(self, x):
        return x[:, ::2, ::2]

    def pool(self, x):
        return self.pool_padded(self.pads[1](x))
