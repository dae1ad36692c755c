"""What is published can be loaded, says where it comes from, and is refused without its terms."""

import json

import numpy as np
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import recipes, zoo
from kerasfuse.checksum import sha256
from kerasfuse.cli import app

NAME = tiny_zoo.NAME
FILES = ["README.md", "entry.toml", "tiny_simulated.weights.h5"]

pytestmark = pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of the tiny entry, with another width and one seed; and the zoo's folder."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("zoo")
        tiny_zoo.use(patch, folder)
        overrides = {"dim": 8, "epochs": 1}
        run = recipes.train(
            NAME, tmp_path_factory.mktemp("run"), seeds=[2], overrides=overrides, verbose=0
        )
    return run


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture
def weights(path):
    """Give the tiny entry weights."""
    file = path.with_name("tiny_simulated.weights.h5")
    zoo.load(NAME, weights=None).save_weights(file)
    zoo.write(NAME, weights={"file": file.name, "sha256": sha256(file), "seed": 1})
    return file


def scores(model):
    rng = np.random.default_rng(0)
    batch = {m: rng.normal(size=(3, 4, width)) for m, width in model.modalities.items()}
    return model.predict({m: x.astype("float32") for m, x in batch.items()}, verbose=0)


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_entry_comes_back_as_it_was(weights, tmp_path):
    published = recipes.publish(NAME, tmp_path / "out")
    assert listed(tmp_path / "out") == sorted(published.files) == FILES
    pinned = f"{tmp_path}/out#sha256={published.sha256}"
    np.testing.assert_array_equal(scores(zoo.load(pinned)), scores(zoo.load(NAME)))
    assert zoo.entry(pinned) == zoo.entry(NAME)
    # Once more into the same folder, as after an improvement.
    assert recipes.publish(NAME, tmp_path / "out").sha256 == published.sha256


def test_a_run_brings_its_overrides_results_and_best_weights(run, path, tmp_path):
    recipes.publish(run.folder, tmp_path / "out")
    model = zoo.load(tmp_path / "out")
    found = zoo.entry(tmp_path / "out")
    best = run.entry.build()
    best.load_weights(run.folder / "seed_2" / "best.weights.h5")
    np.testing.assert_array_equal(scores(model), scores(best))
    assert model.dim == 8 and found.recipe.epochs == 1 and found.weights.seed == 2
    assert found.weights.made_by == "kerasfuse train tiny_simulated --set 'dim=8' --set 'epochs=1'"
    assert found.results["test"]["mae"]["mean"] == pytest.approx(
        run.table("test")["mae"]["mean"], abs=1e-6
    )


def test_the_card_begins_with_what_a_hub_reads(weights, tmp_path):
    recipes.publish(NAME, tmp_path / "out")
    empty, front, card = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert (
        empty == ""
        and fields["license"] == "other"
        and fields["license_name"].startswith("simulated-data")
    )
    assert json.loads(fields["tags"]) == ["keras", "kerasfuse", "multimodal"] + list(
        zoo.entry(NAME).model_args["modalities"]
    )
    assert card.strip().startswith(zoo.card(NAME).strip())
    assert "`audio` `(batch, steps, 5)`" in card


def test_the_command_tells_how_to_upload(weights, tmp_path):
    result = CliRunner().invoke(app, ["publish", NAME, str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert f"hf upload {NAME} {tmp_path / 'out'} ." in result.output
    digest = sha256(tmp_path / "out" / "entry.toml")
    assert f'zoo.load("hf://YOU/{NAME}#sha256={digest}")' in result.output
    card = CliRunner().invoke(app, ["card", str(tmp_path / "out")])
    assert "A model for tests" in card.output
    arrays = {
        m: np.ones((2, 4, width)) for m, width in zoo.entry(NAME).model_args["modalities"].items()
    }
    np.savez(tmp_path / "samples.npz", **arrays)
    command = ["predict", str(tmp_path / "out"), str(tmp_path / "samples.npz")]
    predicted = CliRunner().invoke(app, command)
    assert predicted.exit_code == 0 and predicted.output.count("\n") >= 3


def test_an_entry_without_weights(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="kerasfuse train tiny_simulated --record"):
        recipes.publish(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_were_changed(weights, tmp_path):
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ValueError, match="expected weights with sha256"):
        recipes.publish(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things(weights, tmp_path):
    with pytest.raises(ValueError, match="which holds other files"):
        recipes.publish(NAME, tmp_path)


def test_neither_an_entry_nor_a_run(path, tmp_path):
    with pytest.raises(ValueError, match="holds no run.json"):
        recipes.publish(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="Nearest: tiny_simulated"):
        recipes.publish("tiny_simulatd", tmp_path / "out")


def test_a_run_on_other_data_has_no_terms(run, path, tmp_path):
    path.write_text(path.read_text().replace("num_samples = 24", "num_samples = 30"))
    with pytest.raises(ValueError, match="own data, whose terms the card states"):
        recipes.publish(run.folder, tmp_path / "out")
