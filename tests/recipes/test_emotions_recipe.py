"""The emotions of CMU-MOSEI from `.csd` files to a trained model, its tables and its report."""

import pathlib
import re
import shlex

import numpy as np
import pytest
import tiny_data
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import recipes, zoo
from kerasfuse.cli import app
from kerasfuse.metrics.label_scheme import MOSEI_EMOTIONS
from kerasfuse.recipes.run_folder import seed_folder
from kerasfuse.report import report, reported_run

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "data_formats.md"
KINDS = ("acc", "wacc", "f1")
NAMES = [f"{name}_{kind}" for name in (*MOSEI_EMOTIONS, "mean") for kind in KINDS]
ENTRY = (
    tiny_zoo.ENTRY.replace(
        "audio = 5, vision = 20 }\n", "audio = 74, vision = 35 }\nnum_outputs = 6\n"
    )
    .replace('name = "simulated"', 'name = "mosei"')
    .replace('like = "mosi"\nnum_samples = 24\n', 'label = "emotions"\n')
    .replace("typical_lengths = { text = 4, audio = 6, vision = 5 }\n", "")
    .replace('world = "codes"\n', "")
    .replace(
        'loss = "mae"\nmetrics = "mosi"', 'loss = "binary_crossentropy"\nmetrics = "mosei_emotions"'
    )
    .replace('score = "mae"', 'score = "mean_wacc"')
    .replace('"val_loss"', '"val_mean_wacc"')
)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Give the folder of the data and the strengths in them; the zoo is the entry."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)
    return tmp_path / "mosei", tiny_data.sequences_of_mosei(tmp_path / "mosei")


def weighted_accuracy(true, guess):
    rates = [np.mean(guess[true == side] == side) for side in (True, False) if (true == side).any()]
    return np.mean(rates)


def test_from_files_to_a_report(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(reported_run, "RESAMPLES", 5)
    data, strengths = folder
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], data_dir=data, verbose=0)
    table = run.table("test")
    assert [name for name in table if name != "loss"] == NAMES

    # The numbers are those of the predictions, in float64.
    (seed, results), *_ = run.seeds.items()
    with np.load(seed_folder(tmp_path / "run", seed) / "predictions.npz") as kept:
        labels, said = kept["labels"] > 0.5, kept["outputs"] > 0
    np.testing.assert_array_equal(labels, strengths["test"] > 0)
    by_emotion = zip(labels.T, said.T, MOSEI_EMOTIONS, strict=True)
    wanted = {name: weighted_accuracy(true, guess) for true, guess, name in by_emotion}
    for name, value in wanted.items():
        assert results["test"][f"{name}_wacc"] == pytest.approx(value)
    assert results["test"]["mean_wacc"] == pytest.approx(np.mean(list(wanted.values())))
    assert results["test"]["mean_acc"] == pytest.approx(np.mean(labels == said))

    # The constant knows how often each emotion occurs in training.
    share = (strengths["train"] > 0).mean(axis=0)
    baseline = results["baseline"]["test"]
    assert baseline["mean_acc"] == pytest.approx(np.mean(labels == (share > 0.5)))
    assert baseline["mean_wacc"] == pytest.approx(
        np.mean(
            [
                weighted_accuracy(x, np.full(len(x), p > 0.5))
                for x, p in zip(labels.T, share, strict=True)
            ]
        )
    )
    share = share.clip(1e-7, 1 - 1e-7)
    entropy = -np.where(labels, np.log(share), np.log(1 - share)).mean()
    assert baseline["loss"] == pytest.approx(entropy, rel=1e-5)

    page = report([tmp_path / "run"], tmp_path / "report.html", data_dir=data).read_text(
        encoding="utf-8"
    )
    for name in MOSEI_EMOTIONS:
        assert re.search(rf">{name}_wacc<", page) and re.search(rf"{name}, numbers", page)

    recipes.record(tiny_zoo.NAME, run)
    card = zoo.card(tiny_zoo.NAME)
    assert f"(batch, 6), raw scores of {', '.join(MOSEI_EMOTIONS)}" in card
    assert "| mean_wacc |" in card.replace("**", "") and "fear_f1" in card
    scores, constant = recipes.evaluate(tiny_zoo.NAME, data_dir=data)
    assert set(scores) == set(constant) == {"loss", *NAMES}
    assert constant["mean_f1"] == pytest.approx(baseline["mean_f1"])


def test_the_command_line(folder, tmp_path, monkeypatch):
    data, _ = folder
    monkeypatch.chdir(tmp_path)

    def call(*words):
        result = CliRunner().invoke(app, [*words, "--data-dir", str(data)])
        assert result.exit_code == 0, result.output
        return result.output

    told = call("convert", "mosei", "--set", "label=emotions")
    assert "12 train, 3 validation, 6 test samples" in told
    told = call("train", tiny_zoo.NAME, "--seeds", "1", "--record")
    for name in NAMES:
        assert re.search(rf"^ +{name} +\d", told, re.M), name


def test_settings_make_emotions_of_an_entry_for_sentiment(folder, tmp_path, monkeypatch):
    data, _ = folder
    published = '\n[[published]]\nmodel = "A"\nmetric = "acc7"\nvalue = 0.5\n'
    real = ENTRY.replace("num_outputs = 6\n", "").replace('label = "emotions"\n', "")
    for old, new in (
        ("mean_wacc", "mae"),
        ("mosei_emotions", "mosei"),
        ("binary_crossentropy", "mae"),
    ):
        real = real.replace(f'"{old}"', f'"{new}"')
    text = real.replace('"val_mean_wacc"', '"val_loss"') + published
    path = tmp_path / "zoo" / f"{tiny_zoo.NAME}.toml"
    path.write_text(text, encoding="utf-8")
    (command,) = re.findall(r"kerasfuse train mult_mosei ((?:.*\\\n)*.*)", GUIDE.read_text("utf-8"))
    words = shlex.split(command.replace("\\\n", " "))
    settings = [word for word in words if "=" in word]
    monkeypatch.chdir(tmp_path)
    sets = [word for setting in (*settings, "epochs=1") for word in ("--set", setting)]
    result = CliRunner().invoke(
        app, ["train", tiny_zoo.NAME, "--seeds", "1", "--data-dir", str(data), *sets]
    )
    assert result.exit_code == 0, result.output
    assert recipes.read_run(None, tmp_path / "runs" / tiny_zoo.NAME).entry.published == []


@pytest.mark.parametrize(
    "modulation",
    [
        {"strategy": "OGMGE", "alpha": 0.5, "variables": "all"},
        {"strategy": "AGM", "alpha": 0.5},
    ],
    ids=lambda modulation: modulation["strategy"],
)
def test_modalities_are_balanced(folder, tmp_path, modulation):
    data, _ = folder
    overrides = {"modulation": modulation, "epochs": 2, "monitor": "val_loss", "optimizer": "sgd"}
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], overrides, data_dir=data, verbose=0)
    assert {f"mean_wacc_{m}" for m in ("text", "audio", "vision")} <= set(run.first["test"])


def test_data_that_somebody_names_take_their_arguments(folder, tmp_path, monkeypatch):
    data, _ = folder
    path = tmp_path / "zoo" / "other_simulated.toml"
    other = ENTRY.replace(f'name = "{tiny_zoo.NAME}"', 'name = "other_simulated"')
    path.write_text(other.replace("rank = 2", "rank = 1"), encoding="utf-8")
    # Without the file of sentiment, which nobody asked for.
    (data / "CMU_MOSEI_LabelsSentiment.csd").unlink()
    found = recipes.compare(
        [tiny_zoo.NAME, "other_simulated"],
        tmp_path / "runs",
        data="mosei",
        seeds=[1],
        overrides={"label": "emotions", "epochs": 1},
        data_dir=data,
    )
    assert found.metric == "mean_wacc" and len(found.rows) == 2
