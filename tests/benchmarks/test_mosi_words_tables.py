import importlib.util
import pathlib
import sys

import pytest

from kerasfuse import zoo

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    place = FOLDER / "mosi_words_tables.py"
    spec = importlib.util.spec_from_file_location("mosi_words_tables", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("measure", "mica_tables"):
        sys.modules.pop(name, None)


def test_every_row_is_a_run_that_can_be_built_and_differs_from_the_entry_s(tables):
    places = set()
    for name, content in tables.TABLES.items():
        entry = zoo.entry(name)
        assert entry.data_name == "mosi_words" and set(tables.SEEDS) <= set(entry.recipe.seeds)
        for table, changed in content.items():
            for label, settings in changed.items():
                assert entry.override(settings).definition() != entry.definition()
                places.add((name, table, label))
    assert len(places) == sum(len(c) for t in tables.TABLES.values() for c in t.values())


def test_five_seeds_where_a_default_is_chosen_or_five_stand_beside(tables):
    assert len(tables.seeds_of("mica_mosi_words", "Table 5", "backbone")) == 5
    assert len(tables.seeds_of("lmf_mosi_words", "Modalities", "text alone")) == 5
    assert len(tables.seeds_of("dahb_frozen_mosi_words", "Table 5", "bottleneck")) == 3


def test_rows_that_are_recorded_are_left_alone(tables, monkeypatch):
    name = "mica_mosi_words"
    entry = zoo.entry(name)
    recorded = [{"table": "Modalities", "label": "text alone"}]
    entry.results["rows"] = recorded
    monkeypatch.setattr(zoo, "entry", lambda asked: entry)
    left = [(table, label) for _, table, label, _ in tables.rows([name], None)]
    everything = [(t, label) for t, content in tables.TABLES[name].items() for label in content]
    assert left == [place for place in everything if place != ("Modalities", "text alone")]
    assert {table for _, table, _, _ in tables.rows([name], ["Table 5"])} == {"Table 5"}
