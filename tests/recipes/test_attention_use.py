"""What is recorded of attention is what the analyses measure, and a card says what it means."""

import dataclasses
import tomllib

import pytest
import tiny_zoo

from kerasfuse import analysis, zoo
from kerasfuse.recipes.scoring import load_split
from kerasfuse.recipes.shipping.attention import attention_use
from kerasfuse.zoo.cards.attention import attention_lines, uniform_layers

SMALL = {"num_samples": 12, "dim": 4, "num_heads": 2}


def test_it_is_what_the_analyses_measure():
    entry = zoo.entry("mica_clock").override(SMALL)
    model, test = entry.build(), load_split(entry, "test", shuffle=False)
    found = attention_use(model, entry, test)
    layers = analysis.attention_statistics(model, test).layers
    assert list(layers) == [0, 1] and found["maps"] == [6, 6]
    for layer, maps in layers.items():
        peaks = [each["peak"] for each in maps.values()]
        assert found["sharp"][layer] == sum(peak >= 1.3 for peak in peaks)
        assert found["peak"][layer] == pytest.approx(sum(peaks) / 6, abs=1e-3)
    ablation = analysis.attention_ablation(model, test, entry.recipe.make_metrics())
    assert found["score"] == pytest.approx(ablation.intact["mae"], abs=1e-6)
    for key, name in {"uniform": "uniform", "other_sample": "other sample"}.items():
        value = ablation.intact["mae"] - ablation.lost[name]["mae"]
        assert found[key] == pytest.approx(value, abs=1e-6)


def test_a_model_without_attention_has_none():
    entry = zoo.entry("lmf_ravdess")
    assert attention_use(entry.build(), entry, None) is None


def with_attention(peaks, sharp, uniform):
    """Return `mica_clock` as if this had been recorded of two layers of six maps each."""
    entry = zoo.entry("mica_clock")
    layers = {"peak": list(peaks), "maps": [6, 6], "sharp": list(sharp)}
    sd = entry.results["test"]["mae"]["sd"]
    found = {**layers, "score": 0.2, "uniform": 0.2 + uniform * sd}
    found |= {"other_sample": 0.9, "shifted": 0.8}
    return dataclasses.replace(entry, results={**entry.results, "attention": found})


@pytest.mark.parametrize(
    "sharp, uniform, expected",
    [
        ((6, 3), 2.0, ""),
        ((6, 2), 2.0, "Attention is uniform in layer 1: maps show nothing there."),
        ((0, 2), 2.0, "Attention is uniform: maps show nothing there."),
        (
            (6, 6),
            0.5,
            "Uniform attention costs no more than the spread over seeds: where these weights look "
            "does not matter.",
        ),
    ],
)
def test_a_card_says_whether_attention_is_uniform_and_matters(sharp, uniform, expected):
    *table, sentence = attention_lines(with_attention((3.0, 1.2), sharp, uniform))
    assert "| of another sample | 0.900 |" in table and "| its own | 0.200 |" in table
    first = "The largest weight of a row over the mean weight is 3.00 in layer 0, 1.20 in layer 1."
    assert sentence == " ".join([first, *filter(None, [expected])])


def test_it_is_written_as_it_is_read(monkeypatch, tmp_path):
    attention = with_attention((3.0, 1.2), (6, 2), 1.0).results["attention"]
    path = tiny_zoo.use(monkeypatch, tmp_path)
    nested = {"attention": attention, "kept": {"rows": [{"x": 1}, {"x": 2}], "of": {"y": [1, 2]}}}
    zoo.write(tiny_zoo.NAME, results=nested)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["results"] == nested


ATTENTIVE = ("DAHB", "HCTMG", "MICA", "MulT")
SHIPPED = [e for e in zoo.entries() if e.weights.file and e.model_class in ATTENTIVE]


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_every_entry_says_how_it_attends(entry):
    found = entry.results["attention"]
    assert len(found["peak"]) == len(found["maps"]) == len(found["sharp"]) > 0
    assert "### Attention across modalities" in zoo.card(entry.name)
    # The score of the weights, as it is recorded.
    shipped = entry.results["shipped"]["test"][entry.recipe.score]
    assert found["score"] == pytest.approx(shipped, abs=2e-3)


@pytest.mark.parametrize(
    "entry", [e for e in SHIPPED if e.model_class == "MICA"], ids=lambda entry: entry.name
)
def test_no_mica_is_blind_unless_its_card_says_that_it_does_not_matter(entry):
    if uniform_layers(entry.results["attention"]):
        assert zoo.card(entry.name).count("where these weights look does not matter") == 1
