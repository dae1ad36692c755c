"""What PyTorch does slowly on a processor, done faster: dropout, attention with narrow heads."""

import math

import torch

# glibc hands freed memory back to the system, and a step that takes it again pays for every page:
# a third of a training step here. Having freed one large piece, it keeps up to twice as much.
torch.empty(31 * 2**20, dtype=torch.uint8)

# Heads up to this wide gain; from 16 on, PyTorch's fused kernel is as fast.
NARROW = 12

# Scores of one block: what the caches of a processor hold.
BLOCK_ENTRIES = 2**21

# Powers of two up to here keep their sums, and their reciprocals, inside float32.
LARGEST_POWER = 60.0


def dropout(x, rate):
    """Set a share of the entries of `x` to 0, and scale the others up.

    One thread of PyTorch draws a 64-bit number for every entry. Here one number serves four
    entries, 16 bits each; the rate is kept to 1 / 65,536, and what is left is scaled by the share
    that is really kept.
    """
    dropped = round(rate * 2**16)
    if dropped == 2**16:
        return torch.zeros_like(x)
    numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    bits = numbers.random_(-(2**63), None).view(torch.int16)[: x.numel()].view(x.shape)
    scale = 2**16 / (2**16 - dropped)
    return x * torch.where(bits >= dropped - 2**15, scale, 0.0).to(x.dtype)


def runs_narrow_attention(query, mask):
    """Whether `narrow_attention` takes these queries, and is faster than the fused kernel."""
    return (
        query.device.type == "cpu"
        and (mask is None or mask.shape[1:3] == (1, 1))
        and query.shape[-1] <= NARROW
        and query.dtype == torch.float32
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


def narrow_attention(query, key, value, mask=None):
    """Compute softmax(Q K^T / sqrt(d)) V in blocks of scores that stay in the processor's cache.

    PyTorch's fused kernel multiplies tiles whose inner width is that of a head; with 4 or 8
    channels these cost more than the softmax. Larger blocks, and products laid out so that the
    short side comes first, take under half its time. Memory beyond the inputs stays bounded too.

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`.
        key: tensor `(batch, Tk, heads, head_dim)`.
        value: tensor like `key`.
        mask: boolean `(batch, 1, 1, Tk)`, `True` at real steps, or `None`.

    Returns:
        Tensor like `query`; 0 where a sample has no valid key.
    """
    return _NarrowAttention.apply(query, key, value, mask)


class _NarrowAttention(torch.autograd.Function):
    # Arrays are (batch * heads, steps, channels). What is added to the scores takes part in their
    # product as further channels, which costs no pass over them:
    # [q, shift, 1] . [k, 1, bias] = q . k + shift + bias. Scores are logarithms to base 2, because
    # a processor computes powers of 2 faster than those of e.

    @staticmethod
    def forward(ctx, query, key, value, mask):
        heads, width = query.shape[2:]
        bias = 0.0 if mask is None else torch.where(mask[:, 0], 0.0, -torch.inf)
        q = _merge_heads(query, 0.0, 1.0)
        k = _merge_heads(key, 1.0, bias)
        v = _merge_heads(value, 1.0)
        q[..., :width] *= width**-0.5 * math.log2(math.e)
        shift = q[..., width]
        if _largest_norm(q[..., :width]) * _largest_norm(k[..., :width]) > LARGEST_POWER:
            highest = torch.empty_like(shift)
            for group, rows, scores in _blocks(q, k):
                highest[group, rows] = scores.amax(-1)
            shift -= highest.nan_to_num_(neginf=0.0)

        attended = q.new_empty(q.shape[0], width, q.shape[1])
        log_total = torch.empty_like(shift)
        for group, rows, scores in _blocks(q, k):
            powers = scores.exp2_()
            # Without any valid key the total is 0, and so is what is divided by it.
            total = powers.sum(-1).clamp_min_(torch.finfo(powers.dtype).tiny)
            products = v[group, :, :width].mT @ powers.mT
            torch.div(products, total[:, None], out=attended[group, :, rows])
            log_total[group, rows] = total.log2_()
        # From here on the powers of the scores are the attention itself.
        shift -= log_total
        attended = _split_heads(attended, heads)
        ctx.save_for_backward(q, k, v, attended)
        return attended

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        q, k, v, attended = ctx.saved_tensors
        heads, width = attended.shape[2:]
        # The gradient of softmax: P (dP - sum of P dP), and that sum is g . attended.
        inner = (gradient * attended).sum(-1).transpose(1, 2)
        g = _merge_heads(gradient, -inner)
        dq, dk, dv = (x.new_zeros(x.shape[0], width, x.shape[1]) for x in (q, k, v))
        for (group, rows, p), (_, _, ds) in zip(_blocks(q, k), _blocks(g, v), strict=True):
            p.exp2_()
            ds *= p
            dq[group, :, rows] = k[group, :, :width].mT @ ds.mT
            dk[group] += q[group, rows, :width].mT @ ds
            dv[group] += g[group, rows, :width].mT @ p
        dq *= width**-0.5
        dk /= math.log2(math.e)
        return *(_split_heads(x, heads) for x in (dq, dk, dv)), None


def _blocks(q, k):
    """Yield which heads, which rows, and q k^T there, in memory that is used over again."""
    heads, query_steps, _ = q.shape
    key_steps = k.shape[1]
    together = max(1, BLOCK_ENTRIES // max(1, query_steps * key_steps))
    if together > torch.get_num_threads():
        together -= together % torch.get_num_threads()
    at_once = min(query_steps, max(1, BLOCK_ENTRIES // max(1, key_steps)))
    memory = q.new_empty(min(together, heads) * at_once * key_steps)
    for head in range(0, heads, together):
        group = slice(head, head + together)
        for row in range(0, query_steps, at_once):
            rows = slice(row, row + at_once)
            shape = (*q[group, rows].shape[:2], key_steps)
            block = memory[: math.prod(shape)].view(shape)
            yield group, rows, torch.bmm(q[group, rows], k[group].mT, out=block)


def _merge_heads(x, *columns):
    """(batch, steps, heads, channels) -> (batch * heads, steps, channels + columns)."""
    batch, steps, heads, width = x.shape
    merged = x.new_empty(batch, heads, steps, width + len(columns))
    merged[..., :width] = x.transpose(1, 2)
    for index, column in enumerate(columns, width):
        merged[..., index] = column
    return merged.flatten(0, 1)


def _split_heads(x, heads):
    """(batch * heads, channels, steps) -> (batch, steps, heads, channels)."""
    return x.unflatten(0, (-1, heads)).permute(0, 3, 1, 2)


def _largest_norm(x):
    return x.square().sum(-1).max().sqrt() if x.numel() else 0.0
