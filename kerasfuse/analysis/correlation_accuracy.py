"""How often attention falls on what truly corresponds."""

import numpy as np


def correlation_accuracy(attention, query_events, source_events):
    """Measure how often a target step attends most to a source step of its own event.

        correct / counted

    Counted is every target step that carries an event which at least one source step carries too;
    it is a hit when the largest of its head-averaged attention weights over the source steps falls
    on such a step (the first of equal ones). Steps of all samples are pooled.

    MICA reports "Corr. Acc" (Liang et al., ICCV 2021, Table 6) against manual word alignment
    without giving a protocol; this one is ours.

    Args:
        attention: array (target steps, source steps) of one sample, or a sequence of them, or an
            array (batch, target steps, source steps). Steps past the events are padding.
        query_events: integer array (target steps,), the event at each step, -1 for none; or a
            sequence of them.
        source_events: integer array (source steps,), or a sequence of them.

    Returns:
        A float in [0, 1], NaN if no step is counted.

    Raises:
        ValueError: different numbers of samples, or a map smaller than its events.

    Example:

    >>> attention = [[0.7, 0.2, 0.1], [0.5, 0.1, 0.4], [0.1, 0.8, 0.1]]
    >>> correlation_accuracy(attention, [4, 7, -1], [4, -1, 7])
    0.5
    """
    if len(query_events) == 0:
        return float("nan")
    if np.ndim(query_events[0]) == 0:
        attention, query_events, source_events = [attention], [query_events], [source_events]
    if not len(attention) == len(query_events) == len(source_events):
        raise ValueError(
            "`attention`, `query_events` and `source_events` expected as many samples each. "
            f"Received: {len(attention)}, {len(query_events)} and {len(source_events)}"
        )
    counts = [
        count_correct(*sample)
        for sample in zip(attention, query_events, source_events, strict=True)
    ]
    correct, counted = np.sum(counts, axis=0)
    return float(correct / counted) if counted else float("nan")


def count_correct(attention, query_events, source_events):
    """Return (correct, steps counted) of one sample; see `correlation_accuracy`."""
    attention = np.asarray(attention)
    same = correspondence(query_events, source_events)
    if attention.ndim != 2 or any(np.less(attention.shape, same.shape)):
        raise ValueError(
            "`attention` expected a map (target steps, source steps) of at least the events' "
            f"{same.shape}. Received: attention.shape={attention.shape}"
        )
    rows = np.flatnonzero(same.any(axis=1))
    if rows.size == 0:
        return 0, 0
    chosen = attention[rows, : same.shape[1]].argmax(axis=1)
    return int(same[rows, chosen].sum()), rows.size


def correspondence(query_events, source_events):
    """Return the boolean (target steps, source steps) of equal events."""
    query_events, source_events = np.asarray(query_events), np.asarray(source_events)
    return (query_events[:, None] == source_events) & (query_events[:, None] >= 0)
