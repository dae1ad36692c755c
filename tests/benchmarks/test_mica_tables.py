import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from kerasfuse import layers, models, zoo

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("mica_tables", FOLDER / "mica_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("measure", None)


@pytest.mark.parametrize("name", ["mica_clock", "mica_ravdess", "mult_clock", "mica_simulated"])
def test_every_row_is_a_run_of_the_entry(tables, name):
    assert name in tables.TABLES
    entry = zoo.entry(name)
    rows = list(tables.rows(entry))
    places = [(table, label) for table, label, _, _ in rows]
    assert len(set(places)) == len(places)
    for table, _, settings, against in rows:
        assert entry.override(settings) != entry
        assert against in (None, "recorded") or (table, against) in places


def test_figure_3_has_five_values_of_each_with_the_recipe_s_own_among_them(tables):
    entry = zoo.entry(tables.OLD)
    for name, values in tables.FIGURE_3.items():
        assert len(values) == 5 and entry.model_args[name] in values


def test_table_6_measures_what_other_tables_train(tables):
    for name, labels in tables.TABLE_6.items():
        trained = [{}, *(settings for _, _, settings, _ in tables.rows(zoo.entry(name)))]
        for settings in labels.values():
            assert settings in trained


def test_chance_is_the_share_of_steps_of_the_same_event(tables):
    class Known:
        num_samples = 1

        def alignment(self, sample):
            return {"text": np.array([0, 1]), "audio": np.array([0, 0, 1, -1])}

    # Of text's steps 1/2 and 1/4 of audio's, of audio's three steps 1/2 of text's.
    assert tables.chance(Known()) == pytest.approx((1 / 2 + 1 / 4 + 3 / 2) / 5)


def test_two_entries_of_table_6_are_tried_on_the_same_clips(tables):
    first, second = (zoo.entry(name) for name in tables.TABLE_6 if name != tables.OLD)
    assert first.data_args == second.data_args
    assert first.recipe.seeds == second.recipe.seeds, "rows are paired over seeds"


def test_queries_and_keys_that_are_one_vector_share_all_of_their_length(tables):
    inputs = {m: np.ones((2, 3, 4), "float32") for m in ("text", "audio")}
    inputs["audio"][:, 2:] = 0.0
    model = models.MICA({"text": 4, "audio": 4}, dim=4, num_heads=2, num_layers=1)
    for layer in model.layers:
        if isinstance(layer, layers.CrossmodalBlock):
            for dense in (layer.attention.query_projection, layer.attention.key_projection):
                dense.kernel.assign(0.0 * dense.kernel)
                dense.bias.assign(np.array([1.0, 2.0, 3.0, 4.0]))
    assert tables.common_share(model, [(inputs,)], 0) == pytest.approx(1.0)


def test_rows_are_paired_with_the_same_layer_of_the_first_model(tables):
    def row(layer, shift):
        numbers = [0.1, 0.2, 0.4]
        measured = {name: [shift + x for x in numbers] for name in (*tables.MEASURES, "others")}
        return {"layer": layer, **tables.row_of(measured)}

    first = [row(0, 0.0), row(1, 5.0)]
    assert tables.paired(row(1, 5.0), first)["peak_p"] == 1.0
    assert tables.paired(row(0, 5.0), first)["peak_p"] < 1e-6
    assert first[0]["a_distance"] == "0.233 ± 0.153"
