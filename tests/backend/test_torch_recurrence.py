import pytest
import torch

from kerasfuse.backend import torch_recurrence


@pytest.mark.parametrize("kind, gates", [("gru", 3), ("lstm", 4)])
def test_shapes_alone_cost_no_recurrence(monkeypatch, kind, gates):
    run = getattr(torch_recurrence, f"masked_{kind}")
    biases = [torch.zeros(4 * gates)] if kind == "lstm" else []
    layers = [
        [torch.ones(3, 4 * gates), torch.ones(4, 4 * gates), *biases],
        [torch.ones(4, 4 * gates), torch.ones(4, 4 * gates), *biases],
    ]
    x, mask = torch.ones(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    wanted = run(x, mask, layers)
    # Of meta tensors PyTorch knows no fused recurrence: seconds for some hundred steps.
    monkeypatch.delattr(torch, kind)
    for meta_mask in (mask.to("meta"), None):
        found = run(x.to("meta"), meta_mask, layers)
        assert found.device.type == "meta"
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
