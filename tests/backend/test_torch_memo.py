import gc

import torch

from kerasfuse.backend import torch_memo
from kerasfuse.backend.torch_memo import once

calls = []


def counted(mask, factor=1):
    calls.append(factor)
    return mask.sum() * factor


def test_a_mask_is_looked_at_once_for_each_function_and_argument():
    calls.clear()
    mask, other = torch.ones(3, dtype=torch.bool), torch.ones(4, dtype=torch.bool)
    for _ in range(3):
        assert [once(counted, mask), once(counted, mask, 2), once(counted, other)] == [3, 6, 4]
    assert calls == [1, 2, 1]


def test_a_mask_that_was_written_to_is_looked_at_again():
    mask = torch.ones(3, dtype=torch.bool)
    assert once(counted, mask) == 3
    mask[0] = False
    assert once(counted, mask) == 2


def test_nothing_is_kept_longer_than_its_mask():
    gc.collect()
    before, mask = len(torch_memo._kept), torch.ones(3, dtype=torch.bool)
    once(counted, mask)
    assert len(torch_memo._kept) == before + 1
    del mask
    gc.collect()
    assert len(torch_memo._kept) == before


def test_inference_mode_keeps_nothing_that_training_could_not_use():
    calls.clear()
    mask = torch.ones(3, dtype=torch.bool)
    with torch.inference_mode():
        once(counted, mask)
        once(counted, torch.ones(3, dtype=torch.bool))
    x = torch.ones(1, requires_grad=True)
    (x * once(counted, mask)).backward()
    assert x.grad == 3 and len(calls) == 3
