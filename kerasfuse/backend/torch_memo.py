"""What many layers compute from the same mask, computed once."""

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from kerasfuse.backend import torch_tracing

_kept = WeakTensorKeyDictionary()


def once(function, mask, *arguments):
    """Return `function(mask, *arguments)`, and keep it for as long as the tensor `mask` is there.

    Args:
        function: a function of a module; what it returns shares no memory with `mask`, which
            would otherwise never be freed.
        mask: tensor that needs no gradient. Where it was written to, all is computed anew.
        *arguments: what else it depends on.
    """
    if torch.is_inference_mode_enabled() or mask.is_inference() or torch_tracing.is_tracing():
        return function(mask, *arguments)
    version, found = _kept.get(mask, (None, None))
    if version != mask._version:
        version, found = mask._version, {}
        _kept[mask] = version, found
    key = (function, *arguments)
    if key not in found:
        found[key] = function(mask, *arguments)
    return found[key]
