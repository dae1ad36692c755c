"""Cards say everything that an entry says, and nothing else."""

import io

import pytest
import rich.console
import rich.markdown
import tiny_zoo

from kerasfuse import zoo
from kerasfuse.metrics.conventions import format_value


@pytest.mark.parametrize("name", zoo.names())
def test_every_entry_has_a_card(name):
    entry, text = zoo.entry(name), zoo.card(name)
    assert text.startswith(f"# {name}: {entry.title}\n\n{entry.summary.strip()}\n\n## Model\n\n- ")
    for section in ("Data", "Recipe", "Weights", "Results", "Citation"):
        assert f"\n\n## {section}\n\n" in text
    for said in (entry.paper, entry.weights.made_by, f"{entry.parameters:,} parameters"):
        assert said in text
    for modality in entry.model_args["modalities"]:
        assert f"- Input `{modality}`: (batch, " in text
    if entry.data_name not in ("simulated", "own"):
        assert f"{entry.weights.license}; commercial use " in text
        assert "Where from: " in text and "`KERASFUSE_DATA`" in text
    for row in entry.published:
        assert f"{row.model} {format_value(row.metric, row.value)}" in text
    # A table needs as many cells in each of its rows.
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert len(rows) == 0 or all(line.endswith("|") for line in rows)
    rich.console.Console(file=io.StringIO()).print(rich.markdown.Markdown(text))


def section(text, title):
    return text.split(f"## {title}\n\n")[1].split("\n\n## ")[0]


def test_a_card_names_what_the_optimizer_decays_by():
    assert "sgd, momentum 0.9, weight decay 0.05, learning rate 0.01" in zoo.card(
        "joint_late_av_mnist"
    )
    assert "adam, learning rate" in zoo.card("mica_mosi_utterance")


def test_a_card_shows_a_row_a_seed_and_the_row_of_the_weights():
    entry, results = (
        zoo.entry("mica_mosi_utterance"),
        section(zoo.card("mica_mosi_utterance"), "Results"),
    )
    rows = [line.strip("| ").split(" | ") for line in results.split("\n")]
    test = entry.results["test"]["accuracy"]
    for seed, value in zip(entry.results["seeds"], test["per_seed"], strict=True):
        kept = " (these weights)" if seed == entry.weights.seed else ""
        row = next(row for row in rows if row[0] == f"{seed}{kept}")
        assert row[2] == format_value("accuracy", value)
    row = next(row for row in rows if row[0] == "accuracy")
    shipped = entry.results["shipped"]["test"]["accuracy"]
    assert row[2:5] == [
        zoo.spread("accuracy", test),
        format_value("accuracy", shipped),
        format_value("accuracy", test["baseline"]),
    ]
    assert "bc-LSTM 80.3" in row[5]
    assert "samples a second" in results


def test_more_metrics_than_seeds_or_rows_run_down():
    entry = zoo.entry("agm_film_ravdess")
    results = section(zoo.card("agm_film_ravdess"), "Results")
    rows = [line.strip("| ").split(" | ") for line in results.split("\n")]
    per_seed = entry.results["test"]["strength_audio"]["per_seed"]
    wanted = [format_value("strength_audio", value) for value in per_seed]
    assert ["seed", "1", "2 (these weights)", "3"] in rows
    assert ["strength_audio (test)", *wanted] in rows
    (joint,) = entry.results["rows"]
    assert ["row", joint["label"]] in rows
    assert ["accuracy", zoo.spread("accuracy", joint["test"]["accuracy"])] in rows


def test_a_card_shows_others_on_the_same_data_and_the_constant():
    shown = section(zoo.card("mica_ravdess"), "Other models on the same data").split("\n")
    assert shown[2].startswith("| **mica_ravdess** | ") or "**mica_ravdess**" in "".join(shown)
    score = zoo.spread("accuracy", zoo.entry("mult_ravdess").results["test"]["accuracy"])
    assert any(line.startswith(f"| mult_ravdess | {score} | 5 | ") for line in shown)
    assert shown[-1].startswith("| best constant prediction | 13.3 ")
    assert "utterance" not in "".join(shown)


def test_simulated_scores_are_beside_no_others():
    assert "Other models" not in zoo.card("mica_simulated")
    assert "SIMULATED" in section(zoo.card("mica_simulated"), "Data")


def test_a_card_without_citation_names_the_paper(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    text = zoo.card(tiny_zoo.NAME)
    assert text.endswith("## Citation\n\nnone\n")
    assert "parameters" not in section(text, "Model")


def test_file_names_with_stars_are_shown_as_they_are():
    file = io.StringIO()
    text = rich.markdown.Markdown(zoo.card("mica_ravdess"))
    rich.console.Console(file=file, width=1000).print(text)
    assert "03-01-*.wav" in file.getvalue() and "01-01-*.csv" in file.getvalue()


def test_bibtex():
    published = zoo.entry("mult_mosi").citation.bibtex().split("\n")
    assert published[0] == "@inproceedings{tsai2019multimodal,"
    assert published[1].startswith("  author = {Yao-Hung Hubert Tsai and Shaojie Bai and ")
    assert published[4:] == ["  year = {2019},", "}"]
    manuscript = zoo.entry("dahb_mosi").citation.bibtex()
    assert manuscript.startswith("@unpublished{") and "year" not in manuscript
