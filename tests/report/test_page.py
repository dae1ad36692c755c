"""The page against the run: every section, number and chart."""

import json
import re
import shutil
import subprocess
import sys

import chromium
import numpy as np
import page_reader as reader
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import analysis, recipes
from kerasfuse.cli import app
from kerasfuse.recipes.costs.mean_steps import mean_steps
from kerasfuse.recipes.predictions import read_predictions
from kerasfuse.recipes.scoring import load_split
from kerasfuse.report import report, reported_run
from kerasfuse.report.matrix_chart import attention_shades
from kerasfuse.report.numbers import change, measured, short
from kerasfuse.report.sections import SECTIONS

NAMES = [make.__name__ for make in SECTIONS]
ANCHORS = {
    "attention_use": "attention-use",
    "learning_curves": "curves",
    "outputs": "predictions",
}
DRAWS = 30
GATED = (
    tiny_zoo.ATTENTIVE.replace('class = "MICA"', 'class = "HCTMG"')
    .replace("alpha = 0.8\nbeta = 0.5\n", "")
    .replace("seeds = [1, 2]\n", "seeds = [1]\ngate_search = { batch_size = 24, epochs = 2 }\n")
)
BALANCED = (
    tiny_zoo.ATTENTIVE.replace('class = "MICA"', 'class = "LateFusion"')
    .replace(
        "dim = 4\nnum_heads = 2\nnum_layers = 1\nkernel_sizes = 1\nalpha = 0.8\nbeta = 0.5\n",
        "encoders = {"
        + ", ".join(
            f"{m} = {{ class = 'TransformerEncoder', dim = 2, num_layers = 1, num_heads = 1 }}"
            for m in ("text", "audio", "vision")
        )
        + "}\nnum_outputs = 8\n",
    )
    .replace('like = "mosi"', 'like = "iemocap"')
    .replace("audio = 5, vision = 20 }", "audio = 74, vision = 35 }")
    .replace('loss = "mae"', 'loss = "emotion_cross_entropy"')
    .replace('metrics = "mosi"\nscore = "mae"', 'metrics = "iemocap"\nscore = "happy_acc"')
    .replace("seeds = [1, 2]\n", "seeds = [1]\nconcepts = { epochs = 1 }\n")
    .replace("[weights]", '[recipe.modulation]\nstrategy = "AGM"\nalpha = 1.0\n\n[weights]')
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Train four tiny runs and make a page of the first two, of the third and of the fourth."""
    folder = tmp_path_factory.mktemp("report")
    runs, pages = {}, {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reported_run, "RESAMPLES", DRAWS)
        # Cheaper draws; what they are is checked against the library's own functions.
        whole, shared = analysis.robustness, analysis.modality_contribution
        patched.setattr(analysis, "robustness", lambda *a, **k: whole(*a, levels=LEVELS, **k))
        patched.setattr(
            analysis, "modality_contribution", lambda *a, **k: shared(*a, permutations=2, **k)
        )

        def train(name, seeds, **overrides):
            overrides = {"epochs": 2, "batch_size": 24, **overrides}
            run = recipes.train(tiny_zoo.NAME, folder / name, seeds, overrides, verbose=0)
            runs[name] = run

        tiny_zoo.use(patched, folder / "zoo", tiny_zoo.ATTENTIVE)
        train("aligned", [1, 2], epochs=1)
        train("plain", [1, 2], epochs=1, alpha=0.0, beta=0.0)
        pages["pair"] = report([folder / "aligned", folder / "plain"], folder / "pair.html")
        tiny_zoo.use(patched, folder / "zoo", GATED)
        train("gated", [1])
        pages["gated"] = report([folder / "gated"], folder / "gated.html")
        tiny_zoo.use(patched, folder / "zoo", BALANCED)
        train("balanced", [1])
        pages["balanced"] = report([folder / "balanced"], folder / "balanced.html")
    texts = {name: path.read_text(encoding="utf-8") for name, path in pages.items()}
    return runs, texts, {name: reader.read(text) for name, text in texts.items()}


LEVELS = {"removed": (0.5, 1.0), "noise": (1.0,)}


def section(page, name):
    (found,) = [s for s in page.all("section") if s.attributes["id"] == name]
    return found


def restored(run):
    """Return the model with the weights of the best seed, and the test split."""
    model = run.entry.build()
    model.load_weights(run.folder / f"seed_{run.best_seed}" / "best.weights.h5")
    return model, load_split(run.entry, "test", shuffle=False)


def kept(run):
    found = [read_predictions(run.folder / f"seed_{seed}") for seed in run.seeds]
    return found[0].labels, [each.outputs for each in found]


# The page itself.


@pytest.mark.parametrize("name", ["pair", "gated", "balanced"])
def test_the_page_is_whole_and_loads_nothing(made, name):
    text, page = made[1][name], made[2][name]
    assert text.startswith("<!doctype html>")
    assert not page.all("script") and not page.all("link") and not page.all("img")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bon[a-z]+=", text)
    anchors = [s.attributes["id"] for s in page.all("section")]
    assert anchors == [ANCHORS.get(n, n) for n in NAMES]
    links = [a.attributes["href"] for a in page.one("nav").all("a")]
    assert links == [f"#{anchor}" for anchor in anchors]
    ids = [n.attributes["id"] for n in page.all() if "id" in n.attributes]
    assert len(set(ids)) == len(ids)
    assert page.all("html")[0].attributes["lang"] == "en"
    for found in page.all("section"):
        assert found.one("h2").text and found.one("p", "lead").text


@pytest.mark.parametrize("name", ["pair", "gated", "balanced"])
def test_charts_and_tables_can_be_read_aloud(made, name):
    page = made[2][name]
    ids = {n.attributes["id"]: n for n in page.all() if "id" in n.attributes}
    figures = page.all("figure")
    assert len(figures) > 8
    for figure in figures:
        svg = next(s for s in figure.all("svg") if s.attributes.get("role") == "img")
        title, desc = (ids[i] for i in svg.attributes["aria-labelledby"].split())
        assert title.tag == "title" and title.text == figure.one("h4").text
        assert desc.tag == "desc" and desc.text == figure.one("figcaption").text
        assert "{" not in title.text + desc.text and "nan" not in desc.text
    for table in page.all("table"):
        assert table.one("caption").text
        rows = table.one("tbody").all("tr")
        assert rows and all(row.one("th").attributes["scope"] == "row" for row in rows)
        heads = table.one("thead").all("th")
        assert all(head.attributes["scope"] == "col" for head in heads)
        assert all(len(row.all("td")) == len(heads) - 1 for row in rows)


def test_nothing_is_drawn_outside_its_chart(made):
    for page in made[2].values():
        for svg in page.all("svg"):
            _, _, width, height = map(float, svg.attributes["viewbox"].split())
            for node in svg.all("circle"):
                assert 0 <= float(node.attributes["cx"]) <= width
                assert 0 <= float(node.attributes["cy"]) <= height
            for node in svg.all("rect"):
                x, wide = float(node.attributes.get("x", 0)), float(node.attributes["width"])
                assert -0.1 <= x and x + wide <= width + 0.1


# Numbers.


def test_scores_are_those_of_the_run(made):
    runs, _, pages = made
    for name in ("aligned", "plain"):
        run = runs[name]
        cells = reader.tables(section(pages["pair"], "scores"))[f"Metrics of {name}"]
        labels, outputs = kept(run)
        intervals = analysis.bootstrap(run.entry.recipe.make_metrics(), labels, outputs, DRAWS)
        test, validation = run.table("test"), run.table("validation")
        assert len(cells) == 1 + len(test)
        for (metric, numbers), row in zip(test.items(), cells[1:], strict=True):
            assert row[0].split()[0] == metric
            for cell, found in ((row[1], validation[metric]), (row[2], numbers)):
                mean, sd = (measured(metric, found[key]) for key in ("mean", "sd"))
                assert cell == f"{mean} ± {sd}"
            low, high = intervals[metric][1:]
            assert row[3] == f"{measured(metric, low)} to {measured(metric, high)}"
            assert row[4] == measured(metric, numbers.get("baseline"))
    facts = pages["pair"].all("div", "fact")
    best = measured("mae", runs["aligned"].table("test")["mae"]["mean"])
    assert facts[0].one("p", "big").text.startswith(best)
    assert "Simulated" in facts[0].text
    assert f"{runs['plain'].first['parameters']:,} parameters" in facts[1].text


def test_runs_are_compared_on_the_same_samples(made):
    runs, _, pages = made
    found = section(pages["pair"], "scores")
    cells = reader.tables(found)["plain less aligned"]
    (labels, a), (_, b) = kept(runs["plain"]), kept(runs["aligned"])
    metrics = runs["plain"].entry.recipe.make_metrics()
    wanted = analysis.paired_bootstrap(metrics, labels, a, b, DRAWS)
    for (metric, (value, low, high)), row in zip(wanted.items(), cells[1:], strict=True):
        assert row[1] == change(metric, value)
        assert row[2] == f"{change(metric, low)} to {change(metric, high)}"
        assert row[3] == ("yes" if low > 0 or high < 0 else "no")
        pair = [runs[n].table("test")[metric]["per_seed"] for n in ("plain", "aligned")]
        assert row[4] == f"{analysis.paired_test(*pair).p_value:.3f}"
    svg = reader.chart(found, "plain less aligned")
    (x, _), shares = scales_of_x(svg), [m for m in wanted if "acc" in m or "f1" in m]
    for node, metric in zip(svg.all("circle"), shares, strict=True):
        assert x(float(node.attributes["cx"])) == pytest.approx(100 * wanted[metric].value, abs=0.3)
    for node, metric in zip(svg.all("line", "whisker"), shares, strict=True):
        ends = [x(float(node.attributes[key])) for key in ("x1", "x2")]
        assert ends == pytest.approx([100 * v for v in wanted[metric][1:]], abs=0.3)


def scales_of_x(svg):
    ticks = [n for n in svg.all("text", "tick") if n.attributes["text-anchor"] == "middle"]
    places = [(float(n.attributes["x"]), reader.number(n.text)) for n in ticks]
    return np.poly1d(np.polyfit(*zip(*places, strict=True), 1)), None


def test_learning_curves_are_the_history(made):
    runs, texts, pages = made
    found = section(pages["gated"], "curves")
    histories = reported_run.ReportedRun(runs["gated"], "").histories()
    (rows,) = histories.values()
    titles = [s.all("title")[0].text for s in found.all("svg") if s.all("title")]
    assert titles[0] == "loss" and "mae" in titles
    for column, css in (("loss", "s1"), ("val_loss", "s0"), ("corr", "s1"), ("val_acc7", "s0")):
        title = column.removeprefix("val_")
        scale = 100 if title == "acc7" else 1
        svg = reader.chart(found, f"{title}, %" if scale == 100 else title)
        (drawn,) = reader.curves(svg, css)
        wanted = [(row["epoch"], scale * row[column]) for row in rows]
        x_step, y_step = reader.precision(svg)
        np.testing.assert_allclose(drawn[:, 0], [x for x, _ in wanted], atol=x_step)
        np.testing.assert_allclose(drawn[:, 1], [y for _, y in wanted], atol=y_step + 1e-3)
    low, high = sorted(rows[-1][column] for column in ("loss", "val_loss"))
    ends = f"at the end between {short(low)} and {short(high)}."
    assert f"loss over the epochs of one training; {ends}" in texts["gated"]
    ring = reader.dots(reader.chart(found, "loss"), "ring")
    assert ring[0, 0] == pytest.approx(runs["gated"].first["best_epoch"], abs=0.02)
    cells = reader.tables(found)["History of seed 1"]
    for row, wanted in zip(cells[1:], rows, strict=True):
        for name, cell in zip(cells[0], row, strict=True):
            assert reader.number(cell) == pytest.approx(wanted[name], rel=1e-3, abs=1e-9)


def test_losses_of_the_model_are_drawn_for_every_seed(made):
    _, texts, pages = made
    found = section(pages["pair"], "curves")
    drawn = [s.all("title")[0].text for s in found.all("svg") if s.all("title")]
    assert drawn.count("mmd") == 1 and drawn.count("alignment") == 1 and drawn.count("loss") == 2
    assert len(reader.chart(found, "mmd").all("path", "s1")) == 2
    assert "mmd over the epochs of 2 trainings; at the end between " in texts["pair"]


def test_every_prediction_is_drawn(made):
    runs, _, pages = made
    run = runs["gated"]
    found = read_predictions(run.folder / "seed_1")
    svg = reader.chart(section(pages["gated"], "predictions"), "Each test sample, seed 1")
    drawn = reader.dots(svg, "point")
    wanted = np.stack([found.labels[:, 0], found.outputs[:, 0]], axis=1)
    np.testing.assert_allclose(drawn, wanted, atol=max(reader.precision(svg)) + 0.01)


def test_confusions_count_every_sample(made):
    runs, _, pages = made
    found = read_predictions(runs["balanced"].folder / "seed_1")
    cells = reader.tables(section(pages["balanced"], "predictions"))
    for i, emotion in enumerate(("neutral", "happy", "sad", "angry")):
        true = found.labels[:, i, 1] > found.labels[:, i, 0]
        pairs = found.outputs.reshape(-1, 4, 2)
        said = pairs[:, i, 1] > pairs[:, i, 0]
        wanted = [
            [str(np.sum((true == t) & (said == s))) for s in (False, True)] for t in (False, True)
        ]
        assert [row[1:] for row in cells[f"{emotion}, numbers"][1:]] == wanted
        svg = reader.chart(section(pages["balanced"], "predictions"), emotion)
        counts = [node.text for node in svg.all("text", "count")]
        assert counts == [count for row in wanted for count in row]
        accuracy = np.mean(true == said)
        assert accuracy == pytest.approx(runs["balanced"].first["test"][f"{emotion}_acc"], abs=1e-6)


def test_robustness_is_measured_and_drawn(made):
    runs, _, pages = made
    run, page = runs["gated"], section(pages["gated"], "robustness")
    model, test = restored(run)
    wanted = analysis.robustness(model, test, run.entry.recipe.make_metrics(), LEVELS)
    (cells,) = reader.tables(page).values()
    rows = wanted.table("mae")
    assert len(cells) == 1 + len(rows)
    for row, (kind, name, level, value, difference) in zip(cells[1:], rows, strict=True):
        assert row[:3] == [kind, name, f"{level:g}"]
        assert reader.number(row[3]) == pytest.approx(value, abs=2e-3)
        assert reader.number(row[4]) == pytest.approx(difference, abs=2e-3)
    svg = reader.chart(page, "A modality is missing")
    for i, modality in enumerate(("text", "audio", "vision")):
        drawn = reader.dots(svg, f"s{i}")
        np.testing.assert_allclose(
            drawn, np.transpose(wanted.curve("removed", modality, "mae")), atol=0.01
        )


def test_contributions_are_measured_and_drawn(made):
    runs, _, pages = made
    run, page = runs["gated"], section(pages["gated"], "contribution")
    model, test = restored(run)
    wanted = analysis.modality_contribution(
        model, test, run.entry.recipe.make_metrics(), permutations=2
    )
    cells = reader.tables(page)["Contributions to mae, numbers"]
    svg = reader.chart(page, "Contributions to mae")
    x, _ = scales_of_x(svg)
    bars = svg.all("rect", "bar")
    for i, (row, (name, absent, permuted, sd, share)) in enumerate(
        zip(cells[1:], wanted.table("mae"), strict=True)
    ):
        assert row[0] == name
        written = [row[1], *row[2].split(" ± "), row[3]]
        values = [absent, permuted, sd, share]
        assert list(map(reader.number, written)) == pytest.approx(values, abs=2e-3)
        widths = [float(bar.attributes["width"]) for bar in bars[3 * i : 3 * i + 3]]
        lengths = [abs(x(width) - x(0.0)) for width in widths]
        assert lengths == pytest.approx(np.abs([absent, permuted, share]), abs=2e-3)
    others = reader.tables(page)["Contributions to the other metrics"]
    assert len(others) == 1 + 3 * 8


def test_attention_is_that_of_the_last_layer(made):
    runs, _, pages = made
    found = section(pages["pair"], "attention")
    model, test = restored(runs["aligned"])
    events = [min(e.max() for e in test.alignment(i).values()) for i in range(test.num_samples)]
    chosen = int(np.argmax(events))
    inputs, _ = test.gather([chosen])
    name = "attention/0/audio_to_text"
    weights = model.extract(name).predict_on_batch(inputs)[name]
    truth = test.alignment(chosen)
    weights = np.asarray(weights, "float64")[0, : len(truth["text"]), : len(truth["audio"])]
    shades = attention_shades(weights)
    svg = [s for s in found.all("svg") if s.all("title")[0].text == "audio \u2192 text"][0]
    drawn = np.zeros_like(shades)
    for node in svg.all("path", "cell"):
        shade = int(node.attributes["class"].split("h")[-1])
        for j, i in re.findall(r"M(\d+) (\d+)h1v1", node.attributes["d"]):
            drawn[int(i), int(j)] = shade
    np.testing.assert_array_equal(drawn, shades)
    # Each cell of the truth has four edges, less those that it shares with another.
    same = (truth["text"][:, None] == truth["audio"]) & (truth["text"][:, None] >= 0)
    edges = len(re.findall("M", svg.one("path", "truth").attributes["d"]))
    shared = (same[1:] & same[:-1]).sum() + (same[:, 1:] & same[:, :-1]).sum()
    assert edges == 4 * same.sum() - 2 * shared
    titles = [s.all("title")[0].text for s in found.all("svg") if s.attributes.get("role")]
    assert len(titles) == 12 and f"{test.ids[chosen]}" in found.text


def test_whether_attention_matters_is_measured(made):
    runs, texts, pages = made
    found = section(pages["pair"], "attention-use")
    tables = [reader.table(t) for t in found.all("table")]
    for name, (statistics, ablation) in zip(
        ("aligned", "plain"), zip(tables[::2], tables[1::2], strict=True), strict=True
    ):
        model, test = restored(runs[name])
        wanted = analysis.attention_statistics(model, test)
        assert wanted.sentence() in texts["pair"]
        assert len(statistics) == 1 + len(wanted) + 1
        for (key, values), row in zip(wanted.items(), statistics[1:], strict=False):
            assert row[0] == key.replace("_to_", " \u2192 ").replace("/", ", ")
            columns = ("entropy", "peak", "query_norm", "key_norm")
            assert row[1:] == [f"{values[column]:.3f}" for column in columns]
        lost = analysis.attention_ablation(model, test, runs[name].entry.recipe.make_metrics())
        rows = [[kind, measured("mae", v), change("mae", d)] for kind, v, d in lost.table("mae")]
        assert ablation[1:] == rows
    # Of the primary that the gate chose, without queries and keys.
    gated, _ = (reader.table(t) for t in section(pages["gated"], "attention-use").all("table"))
    assert len(gated) == 1 + 4 + 1 and len(gated[0]) == 3


def test_alignment_is_measured(made):
    runs, _, pages = made
    cells = [reader.table(t) for t in section(pages["pair"], "alignment").all("table")]
    for name, rows in zip(("aligned", "plain"), cells, strict=True):
        wanted = analysis.alignment_scores(*restored(runs[name]))
        assert len(rows) == 1 + 6 + 1
        assert reader.number(rows[-1][1]) == pytest.approx(wanted["a_distance"], abs=2e-3)
        assert reader.number(rows[-1][2]) == pytest.approx(
            100 * wanted["correlation_accuracy"], abs=0.06
        )


def test_the_gate_is_drawn(made):
    runs, _, pages = made
    found = section(pages["gated"], "gate")
    search = json.loads((runs["gated"].folder / "seed_1" / "gate_search.json").read_text())
    (cells,) = reader.tables(found).values()
    assert cells[1][1] == search["primary"] and cells[1][-1] == str(search["epochs"])
    values = [reader.number(cell) for cell in cells[1][2:-1]]
    assert values == pytest.approx(list(search["weights"].values()), abs=1e-3)
    assert cells[0][2] == f"weight of {next(iter(search['weights']))}"
    (history,) = reported_run.ReportedRun(runs["gated"], "").histories("gate_search").values()
    svg = reader.chart(found, "Seed 1")
    for i, modality in enumerate(search["weights"]):
        (drawn,) = reader.curves(svg, f"s{i}")
        wanted = [row[f"gate_{modality}"] for row in history]
        np.testing.assert_allclose(drawn[:, 1], wanted, atol=0.003)


def test_modulation_and_competition_are_shown(made):
    runs, _, pages = made
    run, found = runs["balanced"], section(pages["balanced"], "modulation")
    (history,) = reported_run.ReportedRun(run, "").histories().values()
    svg = reader.chart(found, "Coefficient of the gradient, seed 1")
    for i, modality in enumerate(("text", "audio", "vision")):
        (drawn,) = reader.curves(svg, f"s{i}")
        wanted = [row[f"coefficient_{modality}"] for row in history]
        np.testing.assert_allclose(drawn[:, 1], wanted, atol=reader.precision(svg)[1] + 2e-3)
    (cells,) = reader.tables(found).values()
    for row in cells[1:]:
        scores = run.first["test"]
        assert reader.number(row[1]) == pytest.approx(100 * scores[f"happy_acc_{row[0]}"], abs=0.06)
        assert reader.number(row[2]) == pytest.approx(scores[f"strength_{row[0]}"], rel=6e-3)


def test_costs_are_those_of_the_run(made):
    runs, _, pages = made
    rows = {row[0]: row[1:] for row in reader.table(section(pages["pair"], "cost").one("table"))}
    for i, name in enumerate(("aligned", "plain")):
        run = runs[name]
        assert reader.number(rows["parameters"][i]) == run.first["parameters"]
        model, test = restored(run)
        steps = mean_steps(test)
        wanted = analysis.multiply_adds(model, steps)
        assert reader.number(rows["multiply-adds of a sample"][i]) == wanted
        seconds = np.mean([found["seconds"] for found in run.seeds.values()])
        assert reader.number(rows["training of a seed, seconds"][i]) == pytest.approx(
            seconds, rel=1e-2
        )
        peak = max(found["peak_memory"] for found in run.seeds.values())
        assert reader.number(rows["peak memory, MiB"][i]) == pytest.approx(peak, abs=0.51)
        assert rows["epochs of a training"][i] == "1"


def test_provenance_says_what_was_changed(made):
    runs, _, pages = made
    cells = [reader.table(t) for t in section(pages["pair"], "provenance").all("table")]
    first, second = ({row[0]: row[1] for row in rows} for rows in cells)
    assert first["sha256 of the data"] == runs["aligned"].first["data_sha256"]
    made_by = f"kerasfuse train {tiny_zoo.NAME} --set 'batch_size=24' --set 'epochs=1'"
    assert first["made by"] == made_by and " --set 'alpha=0.0'" in second["made by"]
    assert first["best seed on validation"] == str(runs["aligned"].best_seed)


# What a run cannot have.


def test_what_is_not_there_is_said(made):
    pages = made[2]
    lines = {
        ("pair", "gate"): "This run searched for no gate.",
        ("pair", "modulation"): "This run trains without a balancing strategy.",
        ("balanced", "attention"): "LateFusion has no attention maps.",
        ("balanced", "attention-use"): "LateFusion has no attention across modalities.",
        ("balanced", "alignment"): "Not defined: LateFusion has no crossmodal queries and keys.",
        ("gated", "alignment"): "Not defined: HCTMG has no crossmodal queries and keys.",
    }
    for (page, name), line in lines.items():
        found = section(pages[page], name)
        assert not found.all("figure") and not found.all("table")
        assert {p.text for p in found.all("p", "missing")} == {line}


def test_without_the_data_the_rest_is_shown(made, monkeypatch, tmp_path):
    runs = made[0]
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)
    monkeypatch.setattr(reported_run, "RESAMPLES", 2)

    def nowhere(*args, **kwargs):
        raise FileNotFoundError("expected the files of the data set")

    monkeypatch.setattr(reported_run, "load_split", nowhere)
    page = reader.read(report([runs["aligned"].folder], tmp_path / "page.html").read_text())
    for name in ("robustness", "contribution", "attention", "attention-use", "alignment"):
        text = section(page, name).one("p", "missing").text
        assert text == "Not measured, for want of a file: expected the files of the data set"
    assert section(page, "predictions").all("circle") and section(page, "scores").all("table")
    assert "the data are not here" in section(page, "cost").text

    # Predictions that a run did not keep cannot be made again, either.
    folder = tmp_path / "old"
    shutil.copytree(runs["aligned"].folder, folder)
    for path in folder.rglob("predictions.npz"):
        path.unlink()
    page = reader.read(report([folder], tmp_path / "page.html").read_text())
    assert section(page, "predictions").one("p", "missing")
    assert "No intervals: expected the files" in section(page, "scores").text

    # Nor can anything be measured without the weights.
    for path in folder.rglob("best.weights.h5"):
        path.unlink()
    monkeypatch.undo()
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)
    page = reader.read(report([folder], tmp_path / "page.html").read_text())
    assert "expected best.weights.h5 in seed_" in section(page, "attention").text


def test_predictions_are_made_again_where_none_were_kept(made, tmp_path):
    run = made[0]["aligned"]
    folder = tmp_path / "old"
    shutil.copytree(run.folder, folder)
    for path in folder.rglob("predictions.npz"):
        path.unlink()
    old = reported_run.ReportedRun(recipes.Run(run.entry, folder, run.seeds), "old").predictions
    new = reported_run.ReportedRun(run, "new").predictions
    for seed in run.seeds:
        assert old[seed].ids == new[seed].ids
        np.testing.assert_allclose(old[seed].outputs, new[seed].outputs, rtol=1e-5, atol=1e-6)


def test_wrong_folders_are_refused(made, tmp_path, monkeypatch):
    folder = made[0]["aligned"].folder
    with pytest.raises(ValueError, match=r"one or more different run folders. Received: \[\]"):
        report([])
    with pytest.raises(ValueError, match="different run folders"):
        report([folder, f"{folder}/../aligned"])
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 2 and "holds no run.json" in result.stderr
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"kerasfuse-zoo\[report\]"):
        report([folder])


# In a browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a function that opens a file in a headless Chromium, or skip."""
    start = chromium.command(tmp_path_factory.mktemp("profile"))

    def opened(path, *options):
        command = [*start, *options, path.as_uri()]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return opened


def test_a_browser_shows_what_was_written(made, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(made[1]["pair"], encoding="utf-8")
    shown = reader.read(browser(path, "--dump-dom"))
    written = made[2]["pair"]
    for tag in ("section", "figure", "svg", "path", "circle", "rect", "table", "td", "details"):
        assert len(shown.all(tag)) == len(written.all(tag)), tag
    assert shown.one("h1").text == "2 runs of tiny_simulated"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_sticks_out_of_a_phone_or_a_screen(made, browser, tmp_path, width):
    # The page's own copy, in a frame of that width, is asked by a script how wide it got.
    asking = "<script>parent.document.title = document.documentElement.scrollWidth</script></body>"
    page = made[1]["pair"].replace("</body>", asking)
    frame = page.replace("&", "&amp;").replace('"', "&quot;")
    path = tmp_path / "frame.html"
    path.write_text(
        f'<!doctype html><title>-</title><iframe width="{width}" height="600" srcdoc="{frame}">'
        "</iframe>",
        encoding="utf-8",
    )
    shown = re.search(r"<title>(.*?)</title>", browser(path, "--dump-dom"))[1]
    assert int(shown) <= width


def test_light_and_dark_are_two_pictures(made, browser, tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "page.html"
    path.write_text(made[1]["gated"], encoding="utf-8")
    dark = tmp_path / "dark.html"
    text = made[1]["gated"].replace("prefers-color-scheme: dark", "min-width: 1px")
    dark.write_text(text, encoding="utf-8")
    light = []
    for page in (path, dark):
        picture = page.with_suffix(".png")
        browser(page, "--window-size=900,1200", f"--screenshot={picture}")
        pixels = np.asarray(image.open(picture).convert("L"))
        # Paper, and something on it.
        assert pixels.shape == (1200, 900) and pixels.std() > 5
        light.append(np.median(pixels))
    assert light[0] > 200 and light[1] < 60
