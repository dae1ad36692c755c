"""Where a long recording is cut: at pauses, which words or the loudness of the sound show."""

import re

import numpy as np

# Seconds without a word that end an utterance, and how long it may become.
_PAUSE, _LONGEST = 0.6, 20.0
# The last word of a sentence, and how many words one has at least: "Mr." ends none.
_SENTENCE, _FEWEST = re.compile(r"[.!?…][\"'”’)]*$"), 3
# Sound this many decibels below the loud parts is a pause, if it lasts; shorter sound is none.
_QUIETER, _SHORTEST = 30.0, 0.3


def by_words(times, words=None):
    """Cut at pauses between words of 0.6 s and more, after sentences, and where there is no end.

    A sentence ends with `.`, `!` or `?` after three words or more: recognizers write these, and
    give words times without pauses. What is longer than 20 s is cut at its longest pause.

    Args:
        times: array `(words, 2)` in order, seconds.
        words: list of the words as they are written; without it only times count.

    Returns:
        List of `(start, end)`, from the beginning of the first word to the end of the last one of
        each utterance; none is longer than 20 s, unless a single word is.

    Example:

    >>> by_words(np.array([[0.0, 0.5], [0.6, 1.0], [2.0, 2.5]]))
    [(0.0, 1.0), (2.0, 2.5)]
    """
    times = np.asarray(times, "float64").reshape(-1, 2)
    if not len(times):
        return []
    # Words may overlap where captions or recognizers let them.
    ends = np.maximum.accumulate(times[:, 1])
    pauses = times[1:, 0] - ends[:-1] >= _PAUSE
    breaks = [0]
    for place in range(1, len(times)):
        ends_sentence = words is not None and _SENTENCE.search(words[place - 1])
        if pauses[place - 1] or (ends_sentence and place - breaks[-1] >= _FEWEST):
            breaks.append(place)
    breaks = breaks[1:]
    found = []
    parts = [(a, b) for a, b in zip([0, *breaks], [*breaks, len(times)], strict=True)]
    while parts:
        first, last = parts.pop(0)
        start, end = times[first, 0], times[first:last, 1].max()
        if end - start > _LONGEST and last - first > 1:
            gaps = times[first + 1 : last, 0] - ends[first : last - 1]
            # Of pauses alike the one nearest to the middle.
            middle = np.abs(times[first + 1 : last, 0] - (start + end) / 2)
            cut = first + 1 + int(np.lexsort((middle, -gaps))[0])
            parts[:0] = [(first, cut), (cut, last)]
        else:
            found.append((float(start), float(end)))
    return found


def by_energy(energy):
    """Cut where sound is quiet for 0.6 s and more.

    Args:
        energy: `Stream` of prosody.

    Returns:
        List of `(start, end)` of loud parts; empty of silence. Parts of more than 20 s are cut into
        equal ones.
    """
    if not len(energy.times):
        return []
    values = energy.values[:, 0]
    threshold = max(np.quantile(values, 0.95) - _QUIETER, values.min())
    loud = np.flatnonzero(values > threshold)
    if not len(loud):
        return []
    step = energy.times[1] - energy.times[0] if len(values) > 1 else _SHORTEST
    breaks = np.flatnonzero(np.diff(loud) * step > _PAUSE) + 1
    found = []
    for part in np.split(loud, breaks):
        start, end = energy.times[part[0]] - step / 2, energy.times[part[-1]] + step / 2
        if end - start < _SHORTEST:
            continue
        count = int(np.ceil((end - start) / _LONGEST))
        edges = np.linspace(max(0.0, start), end, count + 1).tolist()
        found += list(zip(edges[:-1], edges[1:], strict=True))
    return found
