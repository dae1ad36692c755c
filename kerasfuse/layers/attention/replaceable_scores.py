"""What every attention across modalities has, so that an analysis can put other scores in place."""

import contextlib


class ReplaceableScores:
    """Let the attention scores of a layer be replaced for a while.

    A layer that attends from one modality to another inherits this, and asks `replaced` before it
    uses its fused kernel, which has no scores to replace.
    """

    _replace = None
    # Whether any attention of the layer can be across modalities.
    looks_at_others = True

    @property
    def is_replaced(self):
        """Whether other scores are in their place now."""
        return self._replace is not None

    @contextlib.contextmanager
    def replacing(self, replace):
        """Put other scores in the place of this layer's.

        Where jax or tensorflow compiles, call the model itself within, not `predict`.

        Args:
            replace: called with the scores `(batch, heads, Tq, Tk)`, whose rows sum to 1 over the
                keys that they may see, and with a boolean tensor that broadcasts to their shape,
                `True` at these keys, or `None` for all. Returns scores like them.
        """
        before, self._replace = self._replace, replace
        try:
            yield
        finally:
            self._replace = before
