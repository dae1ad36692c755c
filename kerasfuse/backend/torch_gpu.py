"""Attention as PyTorch's fused kernels on a GPU take it."""

import torch


def fused_attention(query, key, value, mask):
    """Attend by `torch.nn.functional.scaled_dot_product_attention`.

    Keras' own function copies queries, keys and values, which the kernels read as they are, and
    sends a number to the GPU, for which the program waits.

    The kernels take head widths that are multiples of 4 in float32, of 8 in half precision, and
    fall back to a materialised attention matrix for others, such as the 5 of a 40-wide model with 8
    heads. These are widened with zeros, which change neither the logits nor the output.

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`.
        key: tensor `(batch, Tk, heads, head_dim)`.
        value: tensor like `key`.
        mask: boolean that broadcasts to `(batch, heads, Tq, Tk)`, `True` where attention is
            allowed, or `None`.

    Returns:
        Tensor like `query`; finite where nothing is allowed.
    """
    head_dim = query.shape[-1]
    missing = -head_dim % (4 if query.dtype == torch.float32 else 8)
    bias = None
    if mask is not None:
        # Rows that start at multiples of 8 numbers: PyTorch copies others into such.
        *outer, columns = mask.shape
        bias = query.new_empty(*outer, columns + -columns % 8)[..., :columns]
        torch.logical_not(mask, out=bias).mul_(0.5 * torch.finfo(query.dtype).min)
    sides = (query, key, value)
    if missing:
        sides = [torch.nn.functional.pad(x, (0, missing)) for x in sides]
    attended = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in sides), attn_mask=bias, scale=head_dim**-0.5
    )
    return attended.transpose(1, 2)[..., :head_dim]
