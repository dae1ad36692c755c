"""Word lists whose times stand a place off."""

from collections.abc import Sequence

import numpy as np

# Long words take longer to say: in speech that is timed well, letters and seconds correlate by
# about 0.5, and hardly at all with the times of a neighbour.
_MARGIN = 0.2
_FEWEST = 50


def word_shift(words: Sequence[Sequence[str]], times: Sequence[np.ndarray]) -> int:
    """Tell by how many places the times of words are off, from the lengths of the words.

    Among shifts of -1, 0 and 1 it is the one whose correlation between the number of letters of
    word j and the duration of interval j + shift is highest. It is 0 unless another is better by
    0.2, and for fewer than 50 words.

    Args:
        words: list of lists of words, one of each recording, in order of time.
        times: list of arrays `(words, 2)`, start and end in seconds.

    Returns:
        Integer: word j belongs to interval j + shift.

    Example:

    >>> words = [["a", "wonderful", "I", "extraordinary"] * 20]
    >>> ends = np.cumsum([0.1, 0.6, 0.2, 0.9] * 20)
    >>> times = np.stack([np.append(0, ends[:-1]), ends], axis=1)
    >>> word_shift(words, [times])
    0
    >>> word_shift([["sp", *words[0][:-1]]], [times])
    -1
    """
    agreement = {}
    for shift in (-1, 0, 1):
        pairs = [
            (sum(map(str.isalnum, word)), end - start)
            for some, their in zip(words, times, strict=True)
            for word, (start, end) in zip(*shifted(some, their, shift), strict=True)
            if word != "sp"
        ]
        letters, seconds = np.array(pairs, "float64").reshape(-1, 2).T
        constant = len(pairs) < _FEWEST or not letters.std() or not seconds.std()
        agreement[shift] = 0.0 if constant else np.corrcoef(letters, seconds)[0, 1]
    best = max(agreement, key=agreement.get)
    return best if agreement[best] > agreement[0] + _MARGIN else 0


def shifted(words, times, shift):
    """Return words and times of those places that remain when the times move by `shift`."""
    count = len(words)
    first, last = max(0, -shift), min(count, count - shift)
    return words[first:last], times[first + shift : last + shift]
