"""Former names are read with a warning: in calls, saved models, saved graphs and entries."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tiny_zoo
import tomlkit

from kerasfuse import layers, models, zoo
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.entries import arguments, parsing
from kerasfuse.recipes.run_folder import read_recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 8)).astype("float32")


def former(name):
    return pytest.warns(DeprecationWarning, match=f"'{name}' is called")


@renamed_arguments(licence="license")
def terms(license=None):
    return license


def test_a_function_reads_a_former_argument_and_warns_where_it_is_called():
    with former("licence") as told:
        assert terms(licence="MIT") == "MIT"
    assert told[0].filename == __file__
    assert terms(license="MIT") == "MIT"
    with pytest.raises(TypeError, match="'license' once. Received: 'licence', its former name"):
        terms(license="MIT", licence="MIT")


def test_a_layer_reads_former_arguments_where_it_is_made_and_called():
    with former("feedforward_dim") as told:
        block = layers.AttentionBlock(num_heads=2, feedforward_dim=12)
    assert told[0].filename == __file__ and block.feedforward_units == 12
    assert "feedforward_dim" not in block.get_config()
    masks = {"audio": np.ones((2, 5), bool)}
    with former("return_attention") as told:
        _, attention = block(X, {"audio": X}, masks, return_attention=True)
    assert told[0].filename == __file__ and attention["audio"].shape == (2, 5, 5)


def renamed_in(text, names):
    for old, new in names.items():
        assert f'"{new}"' in text
        text = text.replace(f'"{new}"', f'"{old}"')
    return text


def test_a_saved_graph_with_former_names_loads(tmp_path):
    x = keras.Input((5, 8))
    mask = keras.Input((5,), dtype="bool")
    block = layers.AttentionBlock(num_heads=2, feedforward_units=12)
    outputs = block(x, {"a": x}, {"a": mask}, return_attention_scores=True)
    model = keras.Model([x, mask], outputs)
    model.save(tmp_path / "new.keras")
    names = {
        "feedforward_dim": "feedforward_units",
        "return_attention": "return_attention_scores",
    }
    with (
        zipfile.ZipFile(tmp_path / "new.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for item in new.namelist():
            data = new.read(item)
            if item == "config.json":
                data = renamed_in(data.decode(), names).encode()
            old.writestr(item, data)
    with pytest.warns(DeprecationWarning) as told:
        loaded = keras.saving.load_model(tmp_path / "old.keras")
    assert {str(each.message).split("'")[1] for each in told} == set(names)
    valid = np.ones((2, 5), bool)
    wanted, found = model.predict([X, valid], verbose=0), loaded.predict([X, valid], verbose=0)
    np.testing.assert_array_equal(wanted[0], found[0])


def test_the_configuration_of_a_former_model_loads():
    widths = {"text": 6, "audio": 4}
    config = models.DAHB(widths, dim=8, num_heads=2, feedforward_units=12).get_config()
    config["feedforward_dim"] = config.pop("feedforward_units")
    with former("feedforward_dim"):
        model = models.DAHB.from_config(json.loads(json.dumps(config)))
    assert model.feedforward_units == 12


def test_a_dropped_argument_is_read_at_the_value_that_is_left():
    sizes = {"a": 3, "b": 4}
    encoders = {m: {"class": "MaskedPooling", "mode": "mean"} for m in sizes}
    config = models.EarlyFusion(sizes, encoders, units=[4]).get_config()
    with pytest.warns(DeprecationWarning, match="'pieces' is 2 always"):
        model = models.EarlyFusion.from_config({**config, "pieces": 2})
    assert model.get_config() == config
    with pytest.raises(ValueError, match="without 'pieces', which is 2 always. Received: pieces=3"):
        models.EarlyFusion.from_config({**config, "pieces": 3})


def entry_text(change):
    document = tomlkit.parse(tiny_zoo.ENTRY)
    change(document)
    return tomlkit.dumps(document).encode()


def test_an_entry_with_former_keys_is_read():
    def rename(document):
        document["weights"]["licence"] = document["weights"].pop("license")

    with former("licence"):
        entry = parsing.parse(entry_text(rename), "entry.toml")
    assert entry.weights.license.startswith("simulated data")
    with former("licence"):
        assert entry.weights.licence == entry.weights.license


def test_former_arguments_of_a_model_and_of_nested_layers_are_read():
    entry = zoo.entry("dahb_ravdess")
    with former("feedforward_dim"):
        changed = entry.override({"feedforward_dim": 32})
    assert changed.model_args["feedforward_units"] == 32
    assert "feedforward_dim" not in changed.model_args
    with pytest.warns(DeprecationWarning, match="'pieces' is 2 always"):
        early = arguments.current_model_args("EarlyFusion", {"units": [4], "pieces": 2})
    assert early == {"units": [4]}


def test_a_run_folder_of_an_earlier_version_is_read(tmp_path):
    entry = zoo.entry("dahb_ravdess")
    text = tomlkit.dumps(entry.definition())
    assert "feedforward_units" in text
    former_text = text.replace("feedforward_units", "feedforward_dim")
    (tmp_path / "recipe.toml").write_text(former_text, encoding="utf-8")
    with former("feedforward_dim"):
        assert read_recipe(tmp_path).model_args == entry.model_args


def test_the_listing_reads_its_former_argument():
    with former("licence"):
        found = zoo.entries(licence="cc by")
    assert found == zoo.entries(license="cc by")
