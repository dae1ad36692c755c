"""Whatever is done to an entry's results: they are refused in a sentence, or a card shows them."""

import copy
import dataclasses
import operator

import pytest

from kerasfuse import zoo
from kerasfuse.entries.results import check_results
from kerasfuse.zoo.cards.results import results_lines

ENTRY = zoo.entry("mica_mosi_words")
ODD = ["x", 3, -1.5, True, [], {}, [1], {"mean": 1}]


def few(results):
    """The same results with two metrics and one row of each table."""
    kept = (ENTRY.recipe.score, "corr")
    small = copy.deepcopy(results)
    small["rows"], small["absent"] = small["rows"][:1], small["absent"][:1]
    for run in (small, small["shipped"], *small["rows"], *small["absent"]):
        for split in {"validation", "test"} & set(run):
            run[split] = {metric: run[split][metric] for metric in kept}
    return small


RESULTS = few(ENTRY.results)


def places(value, path=()):
    """Yield the path of everything in a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


def changed(path, change):
    results = copy.deepcopy(RESULTS)
    inside = results
    for key in path[:-1]:
        inside = inside[key]
    change(inside, path[-1])
    return results


def refused(results):
    """Whether results are refused; those that are not have a card."""
    try:
        check_results(results, ENTRY.recipe.score)
    except ValueError as error:
        assert str(error).startswith("expected ") and "Received: " in str(error)
        return True
    entry = dataclasses.replace(ENTRY, results=results)
    assert results_lines(entry) and zoo.scores.score(entry)
    return False


def test_what_the_zoo_has_is_accepted():
    assert not refused(RESULTS)
    for entry in zoo.entries():
        check_results(entry.results, entry.recipe.score)


@pytest.mark.parametrize("path", list(places(RESULTS)), ids=lambda path: ".".join(map(str, path)))
def test_a_place_that_is_missing_or_odd(path):
    refused(changed(path, lambda inside, key: inside.pop(key)))
    found = [
        refused(changed(path, lambda inside, key, x=x: operator.setitem(inside, key, x)))
        for x in ODD
    ]
    assert "settings" in path[:-1] or sum(found) >= 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["shipped"].pop("test"), r"expected results.shipped.test. Received: \[results"),
        (lambda r: r.pop("shipped"), "expected results.shipped beside results.absent"),
        (lambda r: r["rows"][0].pop("label"), r"expected results.rows\[0\].label"),
        (lambda r: r["test"]["corr"]["per_seed"].pop(), "results.test.corr with a mean and one"),
        (
            lambda r: r["absent"][0].update(modalities="text"),
            r"absent\[0\].modalities to be a",
        ),
        (lambda r: r.update(seeds=[]), "one value a seed"),
    ],
    ids=["shipped", "absent", "row", "seeds", "list", "none"],
)
def test_what_is_said(change, said):
    results = copy.deepcopy(RESULTS)
    change(results)
    with pytest.raises(ValueError, match=said):
        check_results(results, ENTRY.recipe.score)
