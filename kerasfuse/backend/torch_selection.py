"""What is above what: comparisons and ranks of many matrices in as few passes as PyTorch can."""

import contextlib
import math

import torch


def above(x, level):
    """Return 1 where `x` is above `level` and 0 elsewhere, like `x`: one pass, and no booleans."""
    return torch.gt(x, level, out=torch.empty_like(x))


def log_softmax_2(logits, shift):
    """See `backend.log_softmax_2`; what can be is written over."""
    highest = logits.amax(-1, keepdim=True)
    normaliser = (logits - highest).exp2_().sum(-1, keepdim=True).log2_().add_(highest)
    return logits.add_(shift - normaliser), normaliser


def value_at_rank(values, row_mask, column_mask, share):
    """Return the value of descending rank floor(share n) + 1 of the n valid entries of matrices.

    `torch.kthvalue` reads a matrix a few times, whatever it holds. It takes one rank for all of
    them, and theirs differ with their padding. Where R entries of a matrix without padding are
    wanted, and r of this one, R - r of its invalid entries are lifted above all others. There are
    always as many, and then the value sought has the same rank everywhere.

    Args:
        values: float tensor `(batch, layers, rows, columns)`; invalid entries are below all valid
            ones.
        row_mask: boolean `(batch, rows)`. An entry is valid where its row and its column are.
        column_mask: boolean `(batch, columns)`.
        share: fraction in (0, 1].

    Returns:
        Tensor `(batch, layers)`: infinity where floor(share n) is 0; an invalid entry, or minus
        infinity, where it is n.
    """
    entries = math.prod(values.shape[-2:])
    most = math.floor(share * entries + 1e-4)
    invalid = ~(row_mask[:, :, None] & column_mask[:, None, :]).flatten(1)
    number = invalid.cumsum(1, dtype=torch.int32)
    rank = torch.floor(share * (entries - number[:, -1:]).double() + 1e-4)
    if most == entries:
        found = values.new_full(values.shape[:2], -torch.inf)
    else:
        lifted = invalid & (number <= most - rank)
        lifted = values.flatten(2).masked_fill(lifted[:, None], torch.inf)
        with _index_unread():
            found = lifted.kthvalue(entries - most).values
    return found.masked_fill(rank == 0, torch.inf)


@contextlib.contextmanager
def _index_unread():
    """Let `kthvalue` run where only deterministic algorithms may.

    PyTorch refuses it there, as the index of one of several equal entries is left to chance. The
    value is not.
    """
    alone = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(alone, warn_only=warns)
