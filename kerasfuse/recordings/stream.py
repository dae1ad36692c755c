"""What an extractor gives: an array of steps, their times, and what the columns are."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """Features of one kind from one recording.

    Args:
        values: float32 array `(steps, width)`.
        times: float64 array `(steps,)`, the middle of each step in seconds from the beginning of
            the recording.
        columns: names of the columns, `width` of them.
        extractor: name of what made them.
        version: changes whenever the extractor would give other numbers.
        notes: sentences about this recording, such as which of several faces was taken.

    Raises:
        ValueError: for times or names that are not as many as there are steps or columns.

    Example:

    >>> Stream(np.zeros((2, 1), "float32"), np.array([0.0, 0.01]), ("energy",), "prosody", "1")
    Stream(extractor='prosody', version='1', steps=2, width=1)
    """

    values: np.ndarray
    times: np.ndarray
    columns: tuple[str, ...]
    extractor: str
    version: str
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        if self.values.shape != (len(self.times), len(self.columns)):
            raise ValueError(
                f"expected an array of {len(self.times)} steps and {len(self.columns)} columns, as "
                f"many as there are times and names. Received: shape {self.values.shape}"
            )

    def __repr__(self):
        steps, width = self.values.shape
        return (
            f"Stream(extractor={self.extractor!r}, version={self.version!r}, steps={steps}, "
            f"width={width})"
        )

    def between(self, start, end):
        """Return the steps whose middle lies in `[start, end)`, at their times."""
        inside = (self.times >= start) & (self.times < end)
        return dataclasses.replace(self, values=self.values[inside], times=self.times[inside])
