import importlib.util
import pathlib
import sys

import pytest

from kerasfuse import zoo

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("mica_tables", FOLDER / "mica_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("measure", None)


def test_every_row_is_a_run_of_the_entry(tables):
    entry = zoo.entry(tables.ENTRY)
    rows = list(tables.rows(entry))
    places = [(table, label) for table, label, _, _ in rows]
    assert len(set(places)) == len(places)
    for table, _, settings, against in rows:
        assert entry.override(settings) != entry
        assert against in (None, "recorded") or (table, against) in places


def test_figure_3_has_five_values_of_each_with_the_recipe_s_own_among_them(tables):
    entry = zoo.entry(tables.ENTRY)
    for name, values in tables.FIGURE_3.items():
        assert len(values) == 5 and entry.model_args[name] in values


def test_table_6_measures_what_other_tables_train(tables):
    entry = zoo.entry(tables.ENTRY)
    trained = [tables.folder_of(FOLDER, {})]
    trained += [tables.folder_of(FOLDER, settings) for _, _, settings, _ in tables.rows(entry)]
    for settings in tables.TABLE_6.values():
        assert tables.folder_of(FOLDER, settings) in trained
