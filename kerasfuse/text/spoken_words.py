"""Which words of a recording belong to an utterance, and what they are encoded as."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasfuse.text.word_timing import word_timing

# How files of timed words write a pause, and a word that nobody understood.
PAUSE, UNKNOWN = "sp", "xxx"


@dataclasses.dataclass(frozen=True, eq=False)
class SpokenWords:
    """Hold the words of a recording as encoders and `word_timing` take them.

    Args:
        words: list of words in lower case.
        times: float64 array `(words, 2)`, start and end in seconds.
        rows: integer array `(words,)`, where they stand among the words that were given.
        left_out: dict of the marks that are no words to how often they stood there.
    """

    words: list[str]
    times: np.ndarray
    rows: np.ndarray
    left_out: dict[str, int]

    @classmethod
    def of(cls, words: Sequence[str], times: np.ndarray) -> "SpokenWords":
        """Leave out pauses and words that nobody understood.

        Args:
            words: all words of the recording, in order of time.
            times: array `(words, 2)`.
        """
        said = [row for row, word in enumerate(words) if word not in (PAUSE, UNKNOWN)]
        left_out = {name: sum(word == name for word in words) for name in (PAUSE, UNKNOWN)}
        times = np.asarray(times, "float64").reshape(-1, 2)[said]
        return cls([words[row].lower() for row in said], times, np.array(said, int), left_out)

    @classmethod
    def of_text(cls, words: Sequence[str], times: np.ndarray) -> "SpokenWords":
        """Write words as CMU-MOSI's file does: letters and digits only, "Don't," is "dont".

        Words without any, such as a dash, are left out.

        Args:
            words, times: see `of`.
        """
        plain = ["".join(filter(str.isalnum, word)) for word in words]
        found = cls.of([one or PAUSE for one in plain], times)
        return dataclasses.replace(found, left_out={})

    def inside(self, start: float, end: float) -> np.ndarray:
        """Return the positions of the words whose middle lies in `[start, end)`."""
        middle = self.times.mean(axis=1)
        return np.flatnonzero((middle >= start) & (middle < end))

    def utterance(self, start: float, end: float) -> tuple[list[str], np.ndarray]:
        """Return the words of an utterance and their timing, see `word_timing`."""
        rows = self.inside(start, end)
        return [self.words[row] for row in rows], word_timing(self.times, rows, start, end)
