import numpy as np

from kerasfuse.text import TIMING, word_timing

# Five words: 0.4 s each, with pauses of 0, 0.1, 9 and 0.2 s between them.
STARTS = np.array([1.0, 1.4, 1.9, 11.3, 11.9])
TIMES = np.stack([STARTS, STARTS + 0.4], axis=1)


def column(name, rows=range(5), start=1.0, end=13.0):
    return word_timing(TIMES, np.array(rows), start, end)[:, TIMING.index(name)]


def test_columns_in_seconds():
    np.testing.assert_allclose(column("duration"), 0.4, atol=1e-6)
    np.testing.assert_allclose(column("pause_before"), [0, 0, 0.1, 5, 0.2], atol=1e-6)
    np.testing.assert_allclose(column("pause_after"), [0, 0.1, 5, 0.2, 0], atol=1e-6)


def test_the_rate_is_that_of_two_words_on_either_side():
    spans = [2.3 - 1.0, 11.7 - 1.0, 12.3 - 1.0, 12.3 - 1.4, 12.3 - 1.9]
    np.testing.assert_allclose(column("rate"), np.array([3, 4, 5, 4, 3]) / spans, atol=1e-5)


def test_position_is_the_place_of_the_middle_in_the_utterance():
    found = column("position", [3, 4], start=11.0, end=13.0)
    np.testing.assert_allclose(found, [(11.5 - 11) / 2, (12.1 - 11) / 2], atol=1e-6)


def test_neighbours_outside_of_the_utterance_count():
    assert column("pause_before", [3])[0] == 5


def test_words_without_duration_stay_finite():
    still = np.full((3, 2), 2.0)
    found = word_timing(still, np.arange(3), 2.0, 2.0)
    assert np.isfinite(found).all() and found[1, TIMING.index("rate")] == 30
    assert word_timing(np.zeros((0, 2)), np.array([], int), 0.0, 1.0).shape == (0, 5)
