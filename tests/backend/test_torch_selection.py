import numpy as np
import pytest
import torch

from kerasfuse.backend.torch_selection import value_at_rank


def matrices(rows=5, columns=7, layers=3):
    """Entries, low where a row or a column is padding; masks of three samples, the last empty."""
    rng = np.random.default_rng(0)
    values = torch.tensor(rng.normal(size=(4, layers, rows, columns)), dtype=torch.float32)
    row_mask, column_mask = torch.ones(4, rows, dtype=bool), torch.ones(4, columns, dtype=bool)
    row_mask[1, :2] = column_mask[1, 3] = column_mask[2, 1:] = False
    row_mask[3] = False
    valid = row_mask[:, :, None] & column_mask[:, None]
    return torch.where(valid[:, None], values, values - 3e4), row_mask, column_mask, valid


@pytest.mark.parametrize("share", [0.01, 0.1, 0.29, 0.3, 0.5, 0.9, 0.99, 1.0])
def test_the_value_is_that_of_sorting(share):
    values, row_mask, column_mask, valid = matrices()
    found = value_at_rank(values, row_mask, column_mask, share)
    for sample, layer in np.ndindex(found.shape):
        ranked = values[sample, layer][valid[sample]].sort(descending=True).values
        rank = int(np.floor(share * len(ranked) + 1e-4))
        if rank == 0:
            assert found[sample, layer] == torch.inf
        elif rank < len(ranked):
            assert found[sample, layer] == ranked[rank]
        else:
            assert found[sample, layer] < ranked[-1]


def test_ties_and_deterministic_algorithms_are_no_hindrance():
    values, row_mask, column_mask, _ = matrices()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        found = value_at_rank(torch.zeros_like(values), row_mask, column_mask, 0.5)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert not found[:3].any()
