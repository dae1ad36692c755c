import numpy as np
import pytest

from kerasfuse.text import word_shift
from kerasfuse.text.word_shift import shifted

RNG = np.random.default_rng(0)
WORDS = [["a" * int(n) for n in RNG.integers(1, 9, 40)] for _ in range(4)]


def times(words, rng):
    ends = np.cumsum([0.05 * len(word) + rng.uniform(0, 0.2) for word in words])
    return np.stack([np.append(0, ends[:-1]), ends], axis=1)


TIMES = [times(words, RNG) for words in WORDS]


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_shift_is_told_from_the_lengths_of_words(shift):
    # Words and times that were moved against each other, cut to equal numbers.
    words = [["sp", *some[:-1]] if shift < 0 else some[max(shift, 0) :] for some in WORDS]
    moved = [some[: len(w)] for some, w in zip(TIMES, words, strict=True)]
    if shift > 0:
        words = [[*w, "sp"] for w in words]
        moved = TIMES
    assert word_shift(words, moved) == shift
    for some, their, (wanted, wanted_times) in zip(
        words, moved, zip(WORDS, TIMES, strict=True), strict=True
    ):
        found, found_times = shifted(some, their, shift)
        assert len(found) == len(found_times) >= len(some) - 1
        for word, (start, end) in zip(found, found_times, strict=True):
            if word != "sp":
                (place,) = (wanted_times == (start, end)).all(axis=1).nonzero()[0]
                assert wanted[place] == word


def test_no_shift_without_evidence():
    alike = [["word"] * 60]
    assert word_shift(alike, [times(alike[0], RNG)]) == 0
    few = [["sp", *WORDS[0][:20]]]
    assert word_shift(few, [TIMES[0][:21]]) == 0
    noise = [RNG.uniform(0, 1, (40, 2)).cumsum(axis=1) for _ in WORDS]
    assert word_shift(WORDS, noise) == 0
    assert word_shift([], []) == 0
