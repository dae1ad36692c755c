"""Numbers become tables of text and of markdown."""

import json

import numpy as np
import pytest

from kerasfuse import analysis, metrics
from kerasfuse.analysis.alignment_scores import AlignmentScores
from kerasfuse.tables import Results, Table

SCORES = {"model": {"mae": 0.71249, "samples": 1200}, "constant": {"mae": np.float32(1.4)}}


def test_a_dict_of_columns_is_a_table():
    assert repr(Table(SCORES)).splitlines() == [
        "         model  constant",
        "mae      0.712     1.400",
        "samples  1,200         -",
    ]
    assert Table(SCORES)._repr_markdown_().splitlines() == [
        "|  | model | constant |",
        "| --- | ---: | ---: |",
        "| mae | 0.712 | 1.400 |",
        "| samples | 1,200 | - |",
    ]


def test_a_list_of_rows_is_a_table_with_text_on_the_left():
    rows = [{"name": "a|b", "steps": 12, "right": True}, {"name": "c", "of": "d"}]
    assert Table(rows).markdown().splitlines() == [
        "| name | steps | right | of |",
        "| --- | ---: | --- | --- |",
        "| a\\|b | 12 | True | - |",
        "| c | - | - | d |",
    ]
    assert repr(Table(rows)).splitlines()[1:] == ["a|b      12  True   -", "c         -  -      d"]


@pytest.mark.parametrize("found", [{"mae": 0.7}, [0.7], 0.7, "mae"], ids=repr)
def test_what_is_no_table_is_refused(found):
    with pytest.raises(TypeError, match="a dict of column to dict of row .* Received: "):
        Table(found)


@pytest.mark.parametrize("found", [{}, [], {"model": {}}], ids=repr)
def test_a_table_of_nothing_is_refused(found):
    with pytest.raises(ValueError, match="at least one row. Received: "):
        Table(found)


def test_results_are_a_dict_and_a_table():
    found = Results(a=0.5, b=2)
    assert found == {"a": 0.5, "b": 2} and json.dumps(found) == '{"a": 0.5, "b": 2}'
    assert found._repr_markdown_().splitlines()[2:] == ["| a | 0.500 |", "| b | 2 |"]
    assert Results()._repr_markdown_() is None


def markdown_of(found):
    return found._repr_markdown_().splitlines()


def test_metrics_and_their_intervals_are_tables():
    labels, outputs = np.array([0, 1] * 30), np.array([[-1.0], [1.0]] * 30)
    assert "| accuracy | 1.000 |" in markdown_of(
        metrics.evaluate(metrics.binary(), labels, outputs)
    )
    found = analysis.bootstrap(metrics.binary(), labels, outputs, resamples=5)
    assert markdown_of(found)[0] == "|  | value | low | high |"
    assert "| accuracy | 1.000 | 1.000 | 1.000 |" in markdown_of(found)


def test_alignment_scores_are_a_table_of_pairs():
    pairs = {"audio_to_text": {"a_distance": 1.0}, "text_to_audio": {"a_distance": 2.0}}
    assert markdown_of(AlignmentScores(a_distance=1.5, pairs=pairs)) == [
        "| pair | a_distance |",
        "| --- | ---: |",
        "| audio_to_text | 1.000 |",
        "| text_to_audio | 2.000 |",
        "| mean | 1.500 |",
    ]


def test_a_contribution_is_a_table_of_metrics_and_modalities():
    one = {"text": {"mae": -0.25}}
    found = analysis.ModalityContribution({"mae": 1.0}, {"mae": 1.25}, one, one, one, one)
    assert markdown_of(found) == [
        "| metric | modality | absent | permuted | sd | Shapley share |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        "| mae | text | -0.250 | -0.250 | -0.250 | -0.250 |",
    ]


def test_robustness_is_a_table_of_levels_and_metrics():
    found = analysis.Robustness({"mae": 1.0}, {"noise": {"text": {0.5: {"mae": 1.25}}}})
    assert markdown_of(found)[2:] == [
        "| none |  | 0.000 | 1.000 |",
        "| noise | text | 0.500 | 1.250 |",
    ]
