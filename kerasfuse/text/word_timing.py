"""What the times of words tell of how they were said, one row a word."""

import numpy as np

TIMING = ("duration", "pause_before", "pause_after", "rate", "position")
# A longer pause is another part of the recording.
_LONGEST_PAUSE = 5.0
# Words on either side whose span gives the rate, and the shortest span that is believed.
_NEIGHBOURS = 2
_SHORTEST_SPAN = 0.1


def word_timing(times: np.ndarray, rows: np.ndarray, start: float, end: float) -> np.ndarray:
    """Describe how the words of an utterance were said, from their times in the recording.

    The columns are those of `TIMING`: the duration of the word; the pauses before and after it, at
    most 5 s each; the words per second from two words before it to two after it; and where its
    middle stands in the utterance, from 0 to 1. All but the last two are in seconds.

    Args:
        times: array `(words, 2)` of all words of the recording, without pauses, in order: start
            and end in seconds.
        rows: integer array, the words of the utterance.
        start, end: the utterance in seconds.

    Returns:
        float32 array `(len(rows), 5)`.

    Example:

    >>> times = np.array([[0.0, 0.5], [0.5, 0.75], [1.0, 1.5]])
    >>> word_timing(times, np.array([1, 2]), 0.5, 1.5).round(2).tolist()
    [[0.25, 0.0, 0.25, 2.0, 0.12], [0.5, 0.25, 0.0, 2.0, 0.75]]
    """
    times = np.asarray(times, "float64")
    gaps = np.clip(times[1:, 0] - times[:-1, 1], 0, _LONGEST_PAUSE)
    before, after = np.zeros((2, len(times)))
    before[1:], after[:-1] = gaps, gaps
    place = np.arange(len(times))
    first = np.maximum(place - _NEIGHBOURS, 0)
    last = np.minimum(place + _NEIGHBOURS, len(times) - 1)
    span = np.maximum(times[last, 1] - times[first, 0], _SHORTEST_SPAN)
    position = (times.mean(axis=1) - start) / max(end - start, _SHORTEST_SPAN)
    columns = (times[:, 1] - times[:, 0], before, after, (last - first + 1) / span, position)
    return np.stack(columns, axis=1)[rows].astype("float32")
