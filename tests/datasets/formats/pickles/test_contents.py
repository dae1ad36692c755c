"""Fields of foreign pickles become samples, names and texts, or a sentence."""

import numpy as np
import pytest

from kerasfuse.datasets.formats.pickles import contents


@pytest.mark.parametrize("value", [np.zeros((2, 3)), [1, 2], (1, 2)], ids=type)
def test_samples_are_arrays_and_lists(value):
    assert contents.samples(value, "text") is value


@pytest.mark.parametrize("value", [None, 3, "text", {"a": 1}, {1, 2}, np.zeros(())], ids=type)
def test_what_has_no_samples_is_told(value):
    for read in (contents.samples, contents.names, contents.texts):
        with pytest.raises(ValueError, match="expected 'text' to hold one value a sample. Receiv"):
            read(value, "text")


def test_names_are_one_value_or_video_and_times():
    values = [b"v1", "v2", 3, np.str_("v4"), [b"v5", 0.5, "2.25"], np.array([["v6"]], object)]
    wanted = ["v1", "v2", "3", "v4", "v5[0.5,2.25]", "v6"]
    assert contents.names(values, "id") == wanted
    assert contents.names(np.array([[b"a", b"1"], [b"b", b"2"]]), "id") == ["a[1]", "b[2]"]


@pytest.mark.parametrize("value", [[], [["a"]], {"a": 1}, ["a"] * 17, slice(1), [None, [1]]])
def test_what_is_no_name_is_told(value):
    with pytest.raises(ValueError, match="expected 'id' to hold names. Received: "):
        contents.names([value], "id")


def test_texts_are_one_value_or_words():
    assert contents.texts(["a b", b"c", ["d", "e"], "\ud800"], "x") == ["a b", "c", "d e", "?"]


@pytest.mark.parametrize("value", [[["a"]], ["a"] * 10_001, ["a" * 1000] * 1001, {"a": "b"}])
def test_what_is_no_text_is_told(value):
    with pytest.raises(ValueError, match="expected 'raw_text' to hold texts") as caught:
        contents.texts([value], "raw_text")
    assert len(str(caught.value)) < 300


def test_rows_of_different_lengths_are_told():
    with pytest.raises(ValueError, match="expected 'text' to hold arrays of numbers. Received"):
        contents.array([[1, 2], [3]], "text")
