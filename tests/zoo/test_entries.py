"""Entries are read, checked, listed, loaded and written."""

import hashlib
import pathlib
import tomllib
from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tiny_zoo

from kerasfuse import zoo
from kerasfuse.checksum import sha256
from kerasfuse.entries.arguments import model_arguments, model_classes

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture
def attentive(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)


@pytest.fixture
def model_with_weights(path):
    """Give the tiny entry weights and return the model that has them."""
    model = zoo.load(tiny_zoo.NAME, weights=None)
    file = path.with_name("tiny_simulated.weights.h5")
    model.save_weights(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    zoo.write(tiny_zoo.NAME, weights={"file": file.name, "sha256": digest, "seed": 1})
    return model


def inputs():
    rng = np.random.default_rng(0)
    widths = {"text": 300, "audio": 5, "vision": 20}
    return {
        name: rng.normal(size=(3, 4, width)).astype("float32") for name, width in widths.items()
    }


# The entries of the project.


@pytest.mark.parametrize("name", zoo.names())
def test_every_entry_can_be_cited(name):
    entry = zoo.entry(name)
    assert entry.citation.title in entry.paper
    assert entry.citation.bibtex() in zoo.card(name)


PAPERS = [
    *(f"{model}_{data}" for model in ("mult", "hct_mg") for data in ("mosi", "mosei", "iemocap")),
    *("mica_mosi", "mica_mosei_unaligned", "mica_iemocap"),
    *(f"dahb_{data}" for data in ("mosi", "mosei", "sims")),
]


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_entries_quote_their_papers_and_tell_how_to_make_weights(name):
    entry = zoo.entry(name)
    assert name.split("_")[0] in entry.published[0].model.lower().replace("-", "_")
    assert all("Table" in row.note for row in entry.published)
    assert entry.weights.file or entry.weights.made_by == f"kerasfuse train {name} --record"


@pytest.mark.parametrize("name", zoo.names())
def test_every_entry_states_each_dropout(name):
    entry = zoo.entry(name)
    dropouts = [key for key in model_arguments(entry.model_class) if "dropout" in key]
    assert set(dropouts) <= set(entry.model_args)


@pytest.mark.parametrize("name", [n for n in zoo.names() if zoo.entry(n).weights.file])
def test_every_entry_with_weights_has_the_right_ones(name):
    entry = zoo.entry(name)
    assert sha256(zoo.folder() / entry.weights.file) == entry.weights.sha256
    assert entry.weights.seed in entry.results["seeds"]
    context = pytest.warns(zoo.SimulatedWeightsWarning) if entry.simulated else nullcontext()
    with context:
        zoo.load(name)
    assert set(entry.results["shipped"]) == {"validation", "test"}
    if not entry.recipe.folds:
        place = entry.results["seeds"].index(entry.weights.seed)
        shipped = entry.results["shipped"]["test"]
        seeds = entry.results["test"]
        # Only seeds are scored by modality; metrics that came since, only for the shipped weights.
        shared = seeds.keys() & shipped.keys()
        assert shared >= {"loss", entry.recipe.score} & seeds.keys() and shared
        for metric in shared:
            assert seeds[metric]["per_seed"][place] == shipped[metric]


def test_the_architectures_are_the_papers():
    assert zoo.load("mica_mosei_unaligned", weights=None).count_params() == 1_024_681
    # The same, and three heads of 41 weights that every target has in training.
    assert zoo.load("mica_mosei", weights=None).count_params() == 1_024_681 + 3 * 41


@pytest.mark.parametrize(
    ("name", "count"),
    [("hct_mg_mosi", 542_843), ("hct_mg_mosei", 781_803), ("hct_mg_iemocap", 547_330)],
)
def test_hct_mg_has_the_papers_parameters_and_a_gate(name, count):
    model = zoo.load(name, weights=None)
    assert model.count_params() - model.get_layer("gate").count_params() == count


def test_published_figures_cite_their_table_and_are_of_nothing_that_is_built():
    rows = zoo.published_baselines()
    built = {name.lower() for name in model_classes()}
    for row in rows:
        assert row["source"] and row["table"].startswith("Table ")
        assert row["model"].replace("-", "").lower() not in built
        assert row["metric"] == "mae" or -1 <= row["value"] <= 1
    keys = ("model", "data", "metric", "source", "table", "note")
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows)
    assert {row["data"] for row in zoo.published_baselines("mosei")} == {"mosei"}
    with pytest.raises(ValueError, match="Nearest: mosei"):
        zoo.published_baselines("mosei2")


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/results/zoo.md", "docs/results/cmu_mosi.md", "docs/models/mica.md"],
)
def test_the_pages_show_the_entries_as_they_are(page, tmp_path):
    written = (ROOT / page).read_text(encoding="utf-8")
    copy = tmp_path / "copy.md"
    copy.write_text(written, encoding="utf-8")
    zoo.update_readme(copy)
    assert copy.read_text(encoding="utf-8") == written, "a table is out of date: make results"


# Names.


def test_simulated_weights_are_called_so(path, model_with_weights):
    assert "SIMULATED" in repr(zoo.entries())
    assert "SIMULATED" in zoo.card(tiny_zoo.NAME)


def test_an_unknown_name_gets_the_nearest(path):
    with pytest.raises(ValueError, match="name='tiny_simulatd'. Nearest: tiny_simulated"):
        zoo.entry("tiny_simulatd")
    with pytest.raises(ValueError, match="Valid: tiny_simulated"):
        zoo.load("xyz")
    with pytest.raises(ValueError, match="zoo entry"):
        zoo.entry("../zoo/tiny_simulated")


# Loading.


def test_load_gives_the_weights_and_says_that_they_are_simulated(path, model_with_weights):
    with pytest.warns(zoo.SimulatedWeightsWarning, match="tiny_simulated come from simulated"):
        model = zoo.load(tiny_zoo.NAME)
    assert not model.compiled
    wanted = model_with_weights.predict(inputs(), verbose=0)
    np.testing.assert_allclose(model.predict(inputs(), verbose=0), wanted, atol=1e-6)


def test_load_takes_ones_own_weights(path, tmp_path):
    made = zoo.load(tiny_zoo.NAME, weights=None)
    made.save_weights(tmp_path / "own.weights.h5")
    model = zoo.load(tiny_zoo.NAME, weights=tmp_path / "own.weights.h5")
    wanted = made.predict(inputs(), verbose=0)
    np.testing.assert_allclose(model.predict(inputs(), verbose=0), wanted, atol=1e-6)


def test_no_weights_tells_the_command_that_makes_them(path):
    with pytest.raises(FileNotFoundError, match="kerasfuse train tiny_simulated --record"):
        zoo.load(tiny_zoo.NAME)


def test_tampered_weights_are_refused(path, model_with_weights):
    file = path.with_name("tiny_simulated.weights.h5")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="expected weights with sha256 .* Received"):
        zoo.load(tiny_zoo.NAME)


def test_weights_of_which_a_half_arrived_are_refused(path, model_with_weights):
    file = path.with_name("tiny_simulated.weights.h5")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match="expected weights with sha256 .* damaged"):
        zoo.load(tiny_zoo.NAME)
    with pytest.raises(ValueError, match="weights in HDF5.*breaks off"):
        zoo.load(tiny_zoo.NAME, weights=file)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ("none.weights.h5", FileNotFoundError, "does not exist"),
        ("model.pkl", ValueError, ".weights.h5 file"),
    ],
)
def test_weights_that_are_not_there(path, weights, error, message):
    with pytest.raises(error, match=message):
        zoo.load(tiny_zoo.NAME, weights=weights)


def test_weights_of_another_model(path, tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights at all")
    for name, part in (("other", "do not fit"), ("text", "something else")):
        with pytest.raises(ValueError, match=f"{name}.weights.h5.*{part}"):
            zoo.load(tiny_zoo.NAME, weights=tmp_path / f"{name}.weights.h5")


# Reading.


BAD = [
    ('class = "MICA"', 'class = "MICO"', "class='MICO'. Nearest: MICA"),
    ('class = "MICA"', 'class = "FusionModel"', "class='FusionModel'"),
    ('class = "MICA"', "", r"expected model.class. Received: \[model\] with args"),
    ("dim = 4", "dims = 4", "model.dims=4. Nearest: dim"),
    ('name = "simulated"', 'name = "simulate"', "name='simulate'. Nearest: simulated"),
    ("num_samples = 24", "samples = 24", "data.samples=24. Nearest: num_samples"),
    ('name = "tiny_simulated"', 'name = "other"', "expected the file's name"),
    ('loss = "mae"', 'loss = "mea"', "loss='mea'. Nearest: mse, mae"),
    ('metrics = "mosi"', 'metrics = "moso"', "metrics='moso'"),
    ('optimizer = "adam"', 'optimizer = "sdg"', "optimizer='sdg'. Nearest: sgd"),
    ("batch_size = 12", "batch_size = 12\nmomentum = 0.9", "momentum under optimizer sgd only"),
    ("batch_size = 12", "batch_size = 12\nmodulation = { alpha = 1.0 }", "to hold a strategy"),
    (
        "batch_size = 12",
        "batch_size = 12\nmodulation = { strategy = 'AMG', alpha = 1.0 }",
        "strategy='AMG'. Nearest: AGM",
    ),
    (
        "batch_size = 12",
        "batch_size = 12\nmodulation = { strategy = 'AGM', alfa = 1.0 }",
        "modulation.alfa. Nearest: alpha",
    ),
    (
        "batch_size = 12",
        "batch_size = 12\nmodulation = { strategy = 'AGM', alpha = -1.0 }",
        "alpha from 0",
    ),
    ("batch_size = 12", "batch_size = 12\nconcepts = { epochs = 0 }", "concepts.epochs"),
    ("batch_size = 12", "batch_size = 0", "batch_size=0"),
    ("batch_size = 12", "batch_size = true", "batch_size=True"),
    ("batch_size = 12", "", "expected recipe.batch_size"),
    ("batch_size = 12", "batch_size = 12\nbatchsize = 8", "recipe.batchsize. Nearest: batch_size"),
    ("learning_rate = 1e-2", 'learning_rate = "big"', "learning_rate='big'"),
    ("learning_rate = 1e-2", "learning_rate = nan", "learning_rate=nan"),
    ("learning_rate = 1e-2", "learning_rate = 1e39", "below 3.4e.38. Received: learning_rate=1e"),
    ("plateau_factor = 0.5", "plateau_factor = 2", "plateau_factor=2"),
    ('monitor = "val_loss"', 'monitor = "test_loss"', "monitor='test_loss'. Nearest: val_loss"),
    ('score = "mae"', 'score = "mea"', "score='mea'. Nearest: mae"),
    ("seeds = [1, 2]", "seeds = [1, 1]", "every seed once"),
    ("seeds = [1, 2]", "seeds = []", "whole numbers"),
    ("seeds = [1, 2]", "seeds = [-1]", "whole numbers"),
    ('title = "A model for tests"', "title = 3", "entry.title in quotes"),
    ("[weights]", "[weight]", r"Received: \[weight\]. Nearest: weights"),
    ("[weights]", "[weights]\nfile = '../a.h5'", "bare file name"),
    ("[weights]", "[weights", "at line"),
    ("commercial = true", "", "expected weights.commercial"),
    ("commercial = true", 'commercial = "yes"', "commercial='yes'"),
    (
        'license = "simulated data: no terms beyond those of the code"',
        'license = "Others: CC BY-NC 4.0"',
        "expected commercial = false under terms with the words 'NC'",
    ),
    ('license = "simulated data: no terms beyond those of the code"', "", "weights.license"),
    ("commercial = true", "commercial = true\nfile = 'a.pkl'", "end in .weights.h5"),
    ("commercial = true", "commercial = true\nfile = 'a.weights.h5'", "expected weights.sha256"),
    ('class = "MICA"', 'class = "MICA"\nparameters = "many"', "parameters='many'"),
    ('class = "MICA"', 'class = "MICA"\nsize = 3', "model.size"),
    ("[model]", "[citation]\ntitle = 'A'\nvenue = 'B'\n[model]", "expected citation.authors"),
    (
        "[model]",
        "[citation]\nauthors = 'A'\ntitle = 'A'\nvenue = 'B'\n[model]",
        "authors to be a list of names",
    ),
    (
        "[weights]",
        "[results]\nseeds = [1]\n[weights]",
        "expected results.backend",
    ),
    (
        "[weights]",
        "[results]\nseeds = [1]\nbackend='torch'\nversions={}\ndata_sha256=''\nparameters=1\n"
        "validation={mae={mean=1,per_seed=[1]}}\ntest={mae={mean=1,per_seed=[1,2]}}\n[weights]",
        "expected results.test.mae with a mean and one value a seed",
    ),
    (
        "dim = 4",
        "dim = 4\nencoders = { text = { class = 'os.system' } }",
        "model.encoders=",
    ),
    (
        "[weights]",
        "[[published]]\nmodel='A'\nmetric='accuracy'\nvalue=1\n[weights]",
        "expected published.metric to be one of acc7",
    ),
    (
        "[weights]",
        "[[published]]\nmodel='A'\nmetric='mae'\nvalue=1\n[weights]",
        "no published figures beside results on simulated data",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_wrong_entry_is_told_in_one_sentence(monkeypatch, tmp_path, old, new, message):
    assert old in tiny_zoo.ATTENTIVE
    tiny_zoo.use(monkeypatch, tmp_path, tiny_zoo.ATTENTIVE.replace(old, new, 1))
    with pytest.raises(ValueError, match=f"tiny_simulated.toml is not a valid entry: .*{message}"):
        zoo.entry(tiny_zoo.NAME)


FUSION = """\
class = "LateFusion"

[model.args]
modalities = { text = 300, audio = 5, vision = 20 }

[model.args.encoders]
text = { class = "ResNet18" }
audio = { class = "ResNet18" }
vision = %s

[data]"""

BAD_LAYERS = [
    ("{ class = 'ResNet81' }", "vision.class to be .* class='ResNet81'. Nearest: ResNet18"),
    ("{ class = 'Lambda' }", "class='Lambda'"),
    ("{ class = 'ResNet18', widht = 2 }", "argument of ResNet18.*widht=2. Nearest: width"),
    (
        "{ class_name = 'Lambda', config = {} }",
        "encoders.vision.class_name='Lambda': objects that Keras has serialized are not made",
    ),
    ("{ module = 'subprocess', class_name = 'Popen' }", "objects that Keras has serialized"),
]


@pytest.mark.parametrize(("encoder", "message"), BAD_LAYERS)
def test_an_entry_makes_nothing_but_layers_of_kerasfuse(monkeypatch, tmp_path, encoder, message):
    before, rest = tiny_zoo.ENTRY.split('class = "LMF"')
    after = rest.split("[data]", 1)[1]
    tiny_zoo.use(monkeypatch, tmp_path, before + FUSION % encoder + after)
    with pytest.raises(ValueError, match=message):
        zoo.entry(tiny_zoo.NAME)


def test_override_reaches_model_data_and_recipe(attentive):
    entry = zoo.entry(tiny_zoo.NAME)
    changed = entry.override({"alpha": 0.1, "num_samples": 9, "epochs": 7, "model.tau": 0.2})
    assert changed.model_args["alpha"] == 0.1 and changed.model_args["tau"] == 0.2
    assert changed.data_args["num_samples"] == 9
    assert changed.recipe.epochs == 7 and changed.recipe.seeds == (1, 2)
    assert entry.model_args["alpha"] == 0.8
    plain = entry.override({"class": "MulT", "causal": True})
    assert plain.model_class == "MulT" and plain.model_args["causal"]


def test_published_figures_are_those_of_the_data_and_the_metrics():
    entry = zoo.entry("mult_mosei")
    assert entry.published and entry.override({"epochs": 2}).published == entry.published
    assert not entry.override({"data": "simulated", "like": "mosei"}).published
    settings = {"metrics": "mosei_emotions", "score": "mean_f1", "loss": "binary_crossentropy"}
    assert not entry.override(settings).published


@pytest.mark.parametrize(
    ("kernel_sizes", "modalities", "gone"),
    [
        ({"text": 1, "audio": 3, "vision": 3}, {"text": 2, "audio": 3}, True),
        ({"text": 1, "audio": 3, "vision": 3}, {"text": 2, "audio": 3, "vision": 4}, False),
        # A value for each before, but not for each now.
        ({"text": 1, "audio": 3, "vision": 3}, {"text": 2, "audio": 3, "vision": 4, "x": 5}, True),
        (3, {"words": 2, "pulse": 3}, False),
    ],
)
def test_other_modalities_take_the_defaults(attentive, kernel_sizes, modalities, gone):
    entry = zoo.entry(tiny_zoo.NAME).override({"kernel_sizes": kernel_sizes})
    with pytest.warns(UserWarning, match="kernel_sizes of") if gone else nullcontext():
        changed = entry.override({"modalities": modalities})
    assert changed.model_args["modalities"] == modalities
    assert changed.model_args.get("kernel_sizes", "default") == (
        "default" if gone else kernel_sizes
    )
    chosen = entry.override({"modalities": modalities, "kernel_sizes": 1})
    assert chosen.model_args["kernel_sizes"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alhpa": 1}, "alhpa=1. Nearest: alpha"),
        ({"data.alpha": 1}, "data.alpha=1. Nearest: alpha"),
        ({"epochs": "many"}, "epochs='many'"),
        ({"class": "MICCA"}, "class='MICCA'. Nearest: MICA"),
        ({"class": "MulT", "low_level_source": True}, "low_level_source=True"),
    ],
)
def test_a_wrong_override_is_told(attentive, settings, message):
    with pytest.raises(ValueError, match=message):
        zoo.entry(tiny_zoo.NAME).override(settings)


# Writing.


def test_write_keeps_comments_and_everything_else(path):
    before = tomllib.loads(path.read_text())
    results = {"seeds": [1], "versions": {"a": "1"}, "test": {"mae": {"mean": 1.0}}, "rows": []}
    zoo.write(tiny_zoo.NAME, weights={"seed": 4}, results=results)
    text = path.read_text()
    after = tomllib.loads(text)
    assert text.startswith("# A comment that stays.") and "# Another one." in text
    assert after.pop("results") == results
    assert after["weights"].pop("seed") == 4
    assert after == before


def test_write_replaces_older_results(path):
    for seed in (1, 2):
        zoo.write(tiny_zoo.NAME, results={"seeds": [seed], "rows": [{"label": "a"}]})
    text = path.read_text()
    assert tomllib.loads(text)["results"] == {"seeds": [2], "rows": [{"label": "a"}]}


def test_a_failed_write_leaves_the_old_file_alone(path, monkeypatch):
    before = path.read_text()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        zoo.write(tiny_zoo.NAME, results={"seeds": [1]})
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
