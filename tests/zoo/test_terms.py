"""Who loads weights is told the terms of their data, once."""

import warnings

import pytest

from kerasfuse import zoo
from kerasfuse.entries import terms


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(terms, "_told", set())


def test_the_terms_are_told_once_and_where_load_was_called():
    with pytest.warns(zoo.WeightTermsWarning, match="RAVDESS: CC BY-NC-SA 4.0") as told:
        zoo.load("mica_ravdess")
    assert "Not for commercial use" in str(told[0].message)
    assert told[0].filename == __file__
    with warnings.catch_warnings(record=True) as again:
        warnings.simplefilter("always")
        zoo.load("mica_ravdess")
    assert not [each for each in again if each.category is zoo.WeightTermsWarning]


def test_nothing_is_told_of_random_weights_and_of_simulated_data():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        zoo.load("mica_ravdess", weights=None)
        zoo.load("mica_simulated")
    assert [each.category for each in told] == [zoo.SimulatedWeightsWarning]
