"""Attention and products in as few kernels as PyTorch has for them."""

import torch

from kerasfuse.backend import torch_device
from kerasfuse.backend.torch_memo import once


def fused_attention(query, key, value, mask, key_mask=None):
    """Attend by `torch.nn.functional.scaled_dot_product_attention`.

    Keras' own function copies queries, keys and values, which the kernels read as they are, and
    sends a number to the GPU, for which the program waits.

    The kernels of a GPU take head widths that are multiples of 4 in float32, of 8 in half
    precision, and fall back to a materialised attention matrix for others, such as the 5 of a
    40-wide model with 8 heads. These are widened with zeros, which change neither the logits nor
    the output.

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`.
        key: tensor `(batch, Tk, heads, head_dim)`.
        value: tensor like `key`.
        mask: boolean that broadcasts to `(batch, heads, Tq, Tk)`, `True` where attention is
            allowed, or `None`.
        key_mask: boolean `(batch, Tk)`, where `mask` is nothing but this. Many attentions have the
            same one, and what is added to their logits is computed once.

    Returns:
        Tensor like `query`; finite where nothing is allowed.
    """
    head_dim = query.shape[-1]
    missing = 0
    if torch_device.device_type(query) == "cuda":
        missing = -head_dim % (4 if query.dtype == torch.float32 else 8)
    bias = None
    if key_mask is not None:
        bias = once(_bias_of_keys, key_mask, query.dtype)
    elif mask is not None:
        bias = _bias(mask, query.dtype)
    sides = (query, key, value)
    if missing:
        sides = [torch.nn.functional.pad(x, (0, missing)) for x in sides]
    attended = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in sides), attn_mask=bias, scale=head_dim**-0.5
    )
    return attended.transpose(1, 2)[..., :head_dim]


def _bias_of_keys(mask, dtype):
    return _bias(mask[:, None, None], dtype)


def _bias(mask, dtype):
    # Rows that start at multiples of 8 numbers: PyTorch copies others into such.
    *outer, columns = mask.shape
    bias = torch.empty(*outer, columns + -columns % 8, dtype=dtype, device=mask.device)
    bias = bias[..., :columns]
    return torch.logical_not(mask, out=bias).mul_(0.5 * torch.finfo(dtype).min)


def dense(x, kernel, bias):
    """Return `x W + b` by one kernel.

    Args:
        x: tensor `(..., width)`.
        kernel: tensor W, `(width, units)`.
        bias: tensor b, `(units,)`.
    """
    y = torch.addmm(bias, x.reshape(-1, x.shape[-1]), kernel)
    return y.view(*x.shape[:-1], kernel.shape[1])


def layer_norm(x, scale, offset, epsilon):
    """Return `scale (x - mean) / sqrt(variance + epsilon) + offset` over the last axis."""
    return torch.nn.functional.layer_norm(x, scale.shape, scale, offset, epsilon)


def dense_together(x, kernels, biases):
    """Return `x W_i + b_i` for several W of one shape, by one product, as are its gradients.

    Args:
        x: tensor `(..., width)`.
        kernels: list of tensors W_i, `(width, units)`.
        biases: list of tensors b_i, `(units,)`.

    Returns:
        List of tensors `(..., units)`.
    """
    rows = x.reshape(-1, x.shape[-1]).expand(len(kernels), -1, -1)
    y = torch.baddbmm(torch.stack(biases)[:, None], rows, torch.stack(kernels))
    return list(y.view(len(kernels), *x.shape[:-1], y.shape[-1]).unbind())
