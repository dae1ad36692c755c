import pytest
import torch

from kerasfuse.backend import torch_recurrence
from kerasfuse.backend.torch_wavefront import wavefront_gru


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


def test_pytorch_s_own_gru_is_the_one_of_processors():
    generator = torch.Generator().manual_seed(0)
    x, *kernels = (
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 6, 4), (4, 9), (3, 9), (3, 9), (3, 9))
    )
    outputs = [
        run(x, [kernels[:2], kernels[2:]]) for run in (torch_recurrence.fused_gru, wavefront_gru)
    ]
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*(torch.autograd.grad(y.square().sum(), kernels) for y in outputs))


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_what_a_gradient_needs_is_kept_whenever_one_may_be_asked_for(monkeypatch, kind):
    # cuDNN refuses the gradient otherwise, in muted passes, which run in inference mode, too.
    kernels = [torch.ones(4, 4 * (3 if kind == "gru" else 4)) for _ in range(2)]
    x = torch.ones(2, 5, 4)
    asked, original = [], getattr(torch, kind)

    def call(*arguments):
        asked.append(arguments[6])
        return original(*arguments)

    monkeypatch.setattr(torch, kind, call)
    run = {
        "gru": lambda: torch_recurrence.fused_gru(x, [kernels]),
        "lstm": lambda: torch_recurrence.masked_lstm(x, None, [[*kernels, torch.ones(16)]]),
    }[kind]
    run()
    with torch.no_grad():
        run()
    assert asked == [True, False]
