"""What choosing on test would have gained, against scores computed one by one."""

import keras
import numpy as np
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import recipes
from kerasfuse.cli.commands import app
from kerasfuse.recipes import scoring
from kerasfuse.recipes.selection_audit import SelectionAudit

NAME = tiny_zoo.NAME


@pytest.fixture
def run(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    return recipes.train(NAME, tmp_path / "run", [1, 2], keep_epochs=True, verbose=0)


def test_every_epoch_is_scored_with_its_own_weights(run):
    audit = recipes.audit_selection(run.folder)
    assert audit.epochs == {1: [1, 2, 3], 2: [1, 2, 3]}
    model = run.entry.build()
    for seed in (1, 2):
        for i, epoch in enumerate(audit.epochs[seed]):
            path = run.folder / f"seed_{seed}" / "epochs" / f"epoch_{epoch:04d}.weights.h5"
            model.load_weights(path)
            for split, found in (
                ("validation", audit.monitored[seed][i]),
                ("test", audit.test[seed]["mae"][i]),
            ):
                batches = scoring.load_split(run.entry, split, shuffle=False)
                outputs = np.concatenate([model.predict(x, verbose=0) for x, _ in batches])
                truth = np.concatenate([y for _, y in batches])
                assert found == pytest.approx(np.abs(outputs - truth).mean(), abs=1e-5)
        # Epochs are kept in float16, so that the last digits differ.
        reported = run.seeds[seed]["test"]["mae"]
        assert audit.test[seed]["mae"][audit.chosen(seed)] == pytest.approx(reported, abs=2e-3)


def audit(run, test, monitored=None):
    monitored = monitored or {seed: [3.0, 1.0, 2.0] for seed in test}
    epochs = {seed: [1, 2, 4] for seed in test}
    return SelectionAudit(run, epochs, monitored, test)


def test_the_gain_is_what_the_better_epoch_on_test_adds(run):
    found = audit(
        run,
        {
            1: {"mae": [0.9, 1.0, 1.1], "acc7": [0.4, 0.5, 0.3]},
            2: {"mae": [2, 1, 0.5], "acc7": [0.1, 0.2, 0.7]},
        },
    )
    of_error = found.table("mae")
    assert of_error["validation"]["mean"] == 1 and of_error["test"]["mean"] == pytest.approx(0.7)
    assert of_error["gain"]["mean"] == pytest.approx(0.3)
    assert of_error["gain"]["sd"] == pytest.approx(np.std([0.1, 0.5], ddof=1))
    assert of_error["best of all"] == {"mean": 0.5, "seed": 2, "epoch": 4}
    of_share = found.table("acc7")
    assert of_share["gain"]["mean"] == pytest.approx((0 + 0.5) / 2)
    assert of_share["best of all"] == {"mean": 0.7, "seed": 2, "epoch": 4}


def test_nothing_is_gained_where_both_choose_alike(run):
    found = audit(run, {1: {"mae": [0.9, 0.3, 1.1]}}).table("mae")
    assert found["gain"] == {"mean": 0.0}


def test_the_run_stays_as_it_is(run):
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    recipes.audit_selection(run.folder)
    after = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    assert before == after


def test_the_command_says_loudly_that_it_reads_test(run):
    result = CliRunner().invoke(app, ["audit-selection", str(run.folder), "--metric", "mae"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "choosing on the TEST split would have gained" in text
    found = recipes.audit_selection(run.folder).table("mae")
    assert f"{found['validation']['mean']:.3f}" in text and f"{found['gain']['mean']:.3f}" in text


def test_runs_without_epochs_and_unknown_metrics_are_refused(run, tmp_path):
    plain = recipes.train(NAME, tmp_path / "plain", [1], verbose=0)
    with pytest.raises(FileNotFoundError, match="kept the weights of its epochs.*--keep-epochs"):
        recipes.audit_selection(plain.folder)
    with pytest.raises(FileNotFoundError, match="expected a run folder"):
        recipes.audit_selection(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected metric to be one of .*Received: 'f2'"):
        audit(run, {1: {"mae": [1, 2, 3]}}).table("f2")
    keras.backend.clear_session()
