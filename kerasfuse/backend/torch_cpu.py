"""What PyTorch does slowly on a processor, done faster: dropout, attention with narrow heads."""

import functools
import math
import pathlib

import torch

from kerasfuse.backend import torch_device, torch_tracing

# glibc hands freed memory back to the system, and a step that takes it again pays for every page:
# a third of a training step here. Having freed one large piece, it keeps up to twice as much.
torch.empty(31 * 2**20, dtype=torch.uint8)

# Heads up to this wide gain; from 16 on, PyTorch's fused kernel is as fast.
NARROW = 12

# Fewer scores than these do not repay the calls that blocks take.
FEWEST_SCORES = 2**15

# Scores of one block: what the cache of one core holds, or nearly.
BLOCK_ENTRIES = 2**19

# MKL multiplies by fewer rows than these up to twenty times as slowly.
FEWEST_ROWS = 8

# Powers of two up to here keep their sums, and their reciprocals, inside float32.
LARGEST_POWER = 60.0


def dropout(x, rate):
    """Set a share of the entries of `x` to 0, and scale the others up.

    One thread of PyTorch draws a 64-bit number for every entry. Here one number serves four
    entries, 16 bits each; the rate is kept to 1 / 65,536, and what is left is scaled by the share
    that is really kept.
    """
    if torch_tracing.is_tracing():
        return torch.nn.functional.dropout(x, rate)
    dropped = round(rate * 2**16)
    if dropped == 2**16:
        return torch.zeros_like(x)
    numbers = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    bits = numbers.random_(-(2**63), None).view(torch.int16)[: x.numel()].view(x.shape)
    scale = 2**16 / (2**16 - dropped)
    return x * torch.where(bits >= dropped - 2**15, scale, 0.0).to(x.dtype)


def runs_narrow_attention(query, key, mask):
    """Whether `narrow_attention` takes these queries, and is faster than the fused kernel.

    With the AVX-512 units of Intel's processors the fused kernel takes two thirds of its time at
    any length; on AMD's, and with AVX2, up to twice its time.
    """
    batch, steps, heads, width = query.shape
    return (
        not fused_kernel_is_fast()
        and torch_device.device_type(query) == "cpu"
        and (mask is None or mask.shape[1:3] == (1, 1))
        and width <= NARROW
        and query.dtype == torch.float32
        and not torch_tracing.is_tracing()
        and batch * heads * steps * key.shape[1] >= FEWEST_SCORES
    )


@functools.cache
def fused_kernel_is_fast():
    """Whether this processor runs PyTorch's fused attention well with narrow heads."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and "GenuineIntel" in _vendor()


def _vendor():
    """Return what Linux says of the processor; nothing elsewhere."""
    try:
        return pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


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
        ranges = _valid_ranges(mask, heads, k)
        if _largest_norm(q[..., :width]) * _largest_norm(k[..., :width]) > LARGEST_POWER:
            highest = torch.empty_like(shift)
            for group, rows, _, scores in _blocks(q, k, ranges):
                highest[group, rows] = scores.amax(-1)
            shift -= highest.nan_to_num_(neginf=0.0)

        attended = q.new_empty(q.shape[0], width, q.shape[1])
        log_total = torch.empty_like(shift)
        for group, rows, keys, scores in _blocks(q, k, ranges):
            powers = scores.exp2_()
            products = v[group, keys].mT @ powers.mT
            # The column of ones gives the sum of the powers. Without any valid key it is 0, and so
            # is what is divided by it.
            total = products[:, width].clamp_min_(torch.finfo(powers.dtype).tiny)
            torch.div(products[:, :width], total[:, None], out=attended[group, :, rows])
            log_total[group, rows] = total.log2_()
        # From here on the powers of the scores are the attention itself.
        shift -= log_total
        attended = _split_heads(attended, heads)
        ctx.save_for_backward(q, k, v, attended)
        ctx.ranges = ranges
        return attended

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        q, k, v, attended = ctx.saved_tensors
        heads, width = attended.shape[2:]
        # The gradient of softmax: P (dP - sum of P dP), and that sum is g . attended.
        inner = (gradient * attended).sum(-1).transpose(1, 2)
        g = _merge_heads(gradient, -inner)
        used = slice(max(width, FEWEST_ROWS))
        dq, dk, dv = (x.new_zeros(x[..., used].mT.shape) for x in (q, k, v))
        scores, products = _blocks(q, k, ctx.ranges), _blocks(g, v, ctx.ranges)
        for (group, rows, keys, p), (*_, ds) in zip(scores, products, strict=True):
            p.exp2_()
            ds *= p
            dq[group, :, rows] = k[group, keys, used].mT @ ds.mT
            dk[group, :, keys] += q[group, rows, used].mT @ ds
            dv[group, :, keys] += g[group, rows, used].mT @ p
        dq *= width**-0.5
        dk /= math.log2(math.e)
        return *(_split_heads(x[:, :width], heads) for x in (dq, dk, dv)), None


def _valid_ranges(mask, heads, k):
    """Give where the valid keys of each of `batch * heads` begin and end, at least one key."""
    if mask is None:
        return [(0, k.shape[1])] * k.shape[0]
    valid = mask[:, 0, 0].to(torch.uint8)
    first, after_last = valid.argmax(-1), k.shape[1] - valid.flip(-1).argmax(-1)
    ranges = torch.stack([first, after_last], dim=1).expand(k.shape[0] // heads, 2)
    return [tuple(found) for found in ranges.tolist() for _ in range(heads)]


def _blocks(q, k, ranges):
    """Yield heads, rows, keys and q k^T there, in memory that is used over again.

    Keys are those from the first to the last that is valid for one of the heads.
    """
    heads, query_steps, _ = q.shape
    key_steps = k.shape[1]
    together = max(1, BLOCK_ENTRIES // max(1, query_steps * key_steps))
    if together > torch.get_num_threads():
        together -= together % torch.get_num_threads()
    at_once = min(query_steps, max(1, BLOCK_ENTRIES // max(1, key_steps)))
    memory = q.new_empty(min(together, heads) * at_once * key_steps)
    for head in range(0, heads, together):
        group = slice(head, head + together)
        starts, ends = zip(*ranges[group], strict=True)
        keys = slice(min(starts), max(ends))
        for row in range(0, query_steps, at_once):
            rows = slice(row, row + at_once)
            shape = (*q[group, rows].shape[:2], keys.stop - keys.start)
            block = memory[: math.prod(shape)].view(shape)
            yield group, rows, keys, torch.bmm(q[group, rows], k[group, keys].mT, out=block)


def _merge_heads(x, *columns):
    """(batch, steps, heads, channels) -> (batch * heads, steps, channels + columns + zeros)."""
    batch, steps, heads, width = x.shape
    merged = x.new_empty(batch, heads, steps, max(width + len(columns), FEWEST_ROWS))
    merged[..., :width] = x.transpose(1, 2)
    for index, column in enumerate(columns, width):
        merged[..., index] = column
    merged[..., width + len(columns) :] = 0.0
    return merged.flatten(0, 1)


def _split_heads(x, heads):
    """(batch * heads, channels, steps) -> (batch, steps, heads, channels)."""
    return x.unflatten(0, (-1, heads)).permute(0, 3, 1, 2)


def _largest_norm(x):
    return x.square().sum(-1).max().sqrt() if x.numel() else 0.0
