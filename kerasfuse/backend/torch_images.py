"""Images by PyTorch's own kernels, without what Keras does around them."""

import torch
from torch.nn import functional


class Images:
    """Convolve, normalize and pool images that stay as PyTorch's kernels read them.

    Keras pads in a pass of its own, turns the axes before and after each operation, and takes
    several passes for the moments of a batch. Here an image is `(batch, channels, height, width)`,
    a view of channels that lie last in memory.
    """

    def read(self, inputs):
        """Return `(batch, height, width, channels)` as an image."""
        return inputs.permute(0, 3, 1, 2)

    def convolve(self, x, convolution, norm, pad, training):
        """Return what a Keras `BatchNormalization` makes of a `Conv2D` without bias, of `x` padded.

        The moving moments are those of Keras: of the variance that divides by the number.
        """
        kernel = _Kernel.apply(convolution.kernel.value)
        x = functional.conv2d(x, kernel, stride=convolution.strides, padding=pad)
        scale, offset = norm.gamma.value, norm.beta.value
        moving = norm.moving_mean, norm.moving_variance
        if not (training and norm.trainable):
            # Copies: another pass may move them before the gradients of this one are there.
            moments = [v.value.clone() for v in moving]
            return functional.batch_norm(x, *moments, scale, offset, eps=norm.epsilon)
        y, *moments = _Normalized.apply(x, scale, offset, norm.epsilon)
        for variable, new in zip(moving, moments, strict=True):
            variable.assign(torch.lerp(new, variable.value, norm.momentum))
        return y

    def halved(self, x):
        """Return every other position."""
        return x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)

    def pool(self, x):
        """Return the largest of every 3 x 3 positions, two apart."""
        return functional.max_pool2d(x, 3, 2, 1)

    def mean(self, x):
        """Return the mean over the positions: `(batch, channels)`."""
        return x.mean((2, 3))


class _Normalized(torch.autograd.Function):
    """Normalise by the moments of the batch, and return these as well.

    PyTorch's kernel sums channels that lie last one after the other, and its mean is off in the
    sixth digit. Here the moments are means over the rows of a matrix, which it sums in cascades.
    """

    @staticmethod
    def forward(ctx, x, scale, offset, epsilon):
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        mean = rows.mean(0)
        variance = (rows - mean).square_().mean(0)
        y, _, _ = torch.native_batch_norm(x, scale, offset, mean, variance, False, 0.0, epsilon)
        ctx.save_for_backward(x, scale, mean, torch.rsqrt(variance + epsilon))
        ctx.epsilon = epsilon
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    def backward(ctx, gradient, *_):
        x, scale, mean, inverse = ctx.saved_tensors
        found = torch.ops.aten.native_batch_norm_backward(
            gradient, x, scale, None, None, mean, inverse, True, ctx.epsilon, [True] * 3
        )
        return *found, None


class _Kernel(torch.autograd.Function):
    """Turn the kernel of a Keras layer into PyTorch's, channels last in memory.

    `(height, width, in, out)` becomes `(out, in, height, width)` by turning a matrix, which takes
    a fifth of the time that PyTorch takes to reorder four axes.
    """

    @staticmethod
    def forward(ctx, kernel):
        *positions, before, after = ctx.shape = kernel.shape
        turned = kernel.reshape(-1, after).t().contiguous()
        return turned.view(after, *positions, before).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient):
        rows = gradient.permute(0, 2, 3, 1).reshape(ctx.shape[-1], -1)
        return rows.t().contiguous().view(ctx.shape)
