"""The scores that an entry records of its weights are those of the file."""

import json
import shutil

import pytest
import tiny_zoo

from kerasfuse import recipes, zoo
from kerasfuse.checksum import sha256
from kerasfuse.recipes import scoring
from kerasfuse.recipes.shipping import replacing
from kerasfuse.training import storage


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "LARGEST", 1000)
        tiny_zoo.use(patch, tmp_path_factory.mktemp("zoo"))
        yield recipes.train(tiny_zoo.NAME, folder / "run", verbose=0)


@pytest.fixture
def path(monkeypatch, tmp_path, run):
    monkeypatch.setattr(storage, "LARGEST", 1000)
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
def test_a_large_file_is_recorded_as_rounded(path, run):
    recipes.record(tiny_zoo.NAME, run.folder)
    entry = zoo.entry(tiny_zoo.NAME)
    file = zoo.weights_path(entry)
    assert 2 * file.stat().st_size < 3 * (run.folder / "seed_1/best.weights.h5").stat().st_size
    place = entry.results["seeds"].index(entry.weights.seed)
    for split in ("validation", "test"):
        scores, _ = recipes.evaluate(tiny_zoo.NAME, split)
        shipped = entry.results["shipped"][split]
        assert shipped == {metric: round(value, 6) for metric, value in scores.items()}
        for metric, value in shipped.items():
            # Training scored the rounded weights of every seed.
            trained = run.seeds[entry.weights.seed][split][metric]
            assert entry.results[split][metric]["per_seed"][place] == value
            assert trained == pytest.approx(value, abs=1e-6)


def test_speeds_are_recorded(path, run, tmp_path, monkeypatch):
    shutil.copytree(run.folder, tmp_path / "run")
    first, second = run.seeds
    shutil.copytree(tmp_path / "run" / f"seed_{first}", tmp_path / "run" / "seed_9")
    # The machine slept during one of them.
    for seed, seconds in ((first, 3.0), (second, 3000.0), (9, 3.84)):
        file = tmp_path / "run" / f"seed_{seed}" / "results.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": seconds}))
    sizes = []

    def speed(model, data):
        sizes.append((model.count_params(), data.num_samples))
        return 1234.5678

    monkeypatch.setattr(replacing, "inference_speed", speed)
    recipes.record(tiny_zoo.NAME, tmp_path / "run")
    entry = zoo.entry(tiny_zoo.NAME)
    recorded = entry.results["speed"]
    assert recorded["training_seconds"] == 3.8 and recorded["samples_per_second"] == 1235
    test = scoring.load_split(entry, "test")
    assert sizes == [(entry.results["parameters"], test.num_samples)]


@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
def test_weights_that_came_another_way_are_scored_anew(path, run):
    recipes.record(tiny_zoo.NAME, run.folder)
    entry = zoo.entry(tiny_zoo.NAME)
    right = entry.results
    file = path.with_name(entry.weights.file)
    # In full precision, as an older version kept them, and without a row of their own.
    file.write_bytes((run.folder / f"seed_{entry.weights.seed}/best.weights.h5").read_bytes())
    older = {key: value for key, value in right.items() if key not in ("shipped", "speed")}
    zoo.write(tiny_zoo.NAME, weights={"sha256": sha256(file)}, results=older)
    recipes.record_weights(tiny_zoo.NAME)
    found = zoo.entry(tiny_zoo.NAME)
    assert found.weights == entry.weights
    assert found.results["shipped"] == right["shipped"]
    assert found.results["test"] == right["test"]


def test_a_full_disk_leaves_entry_and_weights_as_they_were(path, run, monkeypatch):
    recipes.record(tiny_zoo.NAME, run.folder)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    for place in ("kerasfuse.recipes.shipping.replacing.store", "tomlkit.dumps"):
        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            with pytest.raises(OSError, match="full disk"):
                recipes.record(tiny_zoo.NAME, run.folder)
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_weights_are_scored_on_the_backend_that_made_them(path, run, monkeypatch):
    recipes.record(tiny_zoo.NAME, run.folder)
    monkeypatch.setattr("kerasfuse.backend.name", lambda: "another")
    for call in (
        lambda: recipes.record(tiny_zoo.NAME, run.folder),
        lambda: recipes.record_weights(tiny_zoo.NAME),
    ):
        with pytest.raises(ValueError, match="Received: another. Set KERAS_BACKEND="):
            call()


def test_an_entry_without_results_has_no_weights_to_record(path):
    with pytest.raises(ValueError, match="which has none. Record them by `kerasfuse train"):
        recipes.record_weights(tiny_zoo.NAME)
