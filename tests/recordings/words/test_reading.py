"""Words with times from every format, as small files that the tests write."""

import json

import numpy as np
import pytest

from kerasfuse.recordings import read_words
from kerasfuse.recordings.words.json_words import filled
from kerasfuse.recordings.words.transcript import in_order, spread


@pytest.fixture
def read(tmp_path):
    def write_and_read(name, text, recording=None):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return read_words(file, recording)

    return write_and_read


def times(transcript):
    return transcript.times.round(3).tolist()


SRT = """1
00:00:01,000 --> 00:00:02,000
<i>Not bad</i>

2
00:01:00,500 --> 00:01:01,000
{\\an8}at all &amp; more [music]
ANNA: yes
"""


def test_srt_without_tags_sounds_and_names(read):
    found = read("a.srt", SRT)
    assert found.words == ["Not", "bad", "at", "all", "&", "more", "yes"]
    assert times(found)[:2] == [[1, 1.5], [1.5, 2]]
    assert times(found)[2][0] == 60.5 and times(found)[-1][1] == 61


def test_vtt_with_times_of_words(read):
    found = read(
        "a.vtt",
        "WEBVTT\nKind: captions\n\nNOTE nothing\n\nid\n"
        "00:01.000 --> 00:03.000 align:start position:0%\n"
        "<v Anna>so<00:00:01.500><c> it</c><00:00:02.250><c> works</c>\n",
    )
    assert found.words == ["so", "it", "works"]
    assert times(found) == [[1, 1.5], [1.5, 2.25], [2.25, 3]]


def test_lines_that_roll_count_once(read):
    found = read(
        "a.vtt",
        "WEBVTT\n\n00:00.000 --> 00:01.000\none two\n\n00:01.000 --> 00:01.010\none two\n\n"
        "00:01.010 --> 00:02.000\none two\nthree\n",
    )
    assert found.words == ["one", "two", "three"]


def test_overlapping_captions_end_where_the_next_begins(read):
    found = read(
        "a.srt",
        "1\n00:00:00,000 --> 00:00:03,000\na b\n\n2\n00:00:01,000 --> 00:00:04,000\nc\n",
    )
    assert times(found) == [[0, 0.5], [0.5, 1], [1, 4]]
    assert found.notes == ("1 captions end where the next begins: they overlapped.",)


LONG_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.5
            text = "AH0"
    item [2]:
        class = "IntervalTier"
        name = "Words"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "say ""hi"" 3"
        intervals [3]:
            xmin = 1.25
            xmax = 2.5
            text = "sp"
"""
SHORT_GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2.5\n<exists>\n2\n"TextTier"\n'
    '"points"\n0\n2.5\n1\n1.0\n"x"\n"IntervalTier"\n"speaker - words"\n0\n2.5\n2\n0\n1\n"no"\n1\n'
    '2.5\n"yes"\n'
)


def test_text_grids(read):
    found = read("a.TextGrid", LONG_GRID)
    assert found.words == ["say", '"hi"', "3"]
    assert times(found) == [[0.5, 0.875], [0.875, 1.125], [1.125, 1.25]]
    found = read("b.TextGrid", SHORT_GRID)
    assert (found.words, times(found)) == (["no", "yes"], [[0, 1], [1, 2.5]])


@pytest.mark.parametrize("length", range(40, len(LONG_GRID) - 30, 97))
def test_a_text_grid_that_breaks_off_is_refused(read, length):
    with pytest.raises(ValueError, match="expected a (whole )?TextGrid"):
        read("a.TextGrid", LONG_GRID[:length])


WORDS = [
    {"word": " so", "start": 0.5, "end": 1.0, "probability": 0.9},
    {"word": "nice", "start": 1},
]


@pytest.mark.parametrize(
    "document",
    [
        {"text": "so", "segments": [{"words": [WORDS[0]], "start": 0, "end": 9, "text": " so"}]},
        [{"words": [WORDS[0]]}],
        {"words": [WORDS[0]]},
        {"word_segments": [WORDS[0]]},
        {"segments": [{"text": " so", "start": 0.5, "end": 1.0}]},
        {"transcript": "so", "words": [{**WORDS[0], "case": "success", "alignedWord": "so"}]},
    ],
)
def test_json(read, document):
    found = read("a.json", json.dumps(document))
    assert (found.words, times(found)) == (["so"], [[0.5, 1.0]])


def test_words_that_gentle_did_not_find_lie_between_the_others(read):
    words = [WORDS[0], {"word": "very", "case": "not-found-in-audio"}, {"word": "well"}]
    words.append({"word": "done", "start": 2.0, "end": 2.5})
    found = read("a.json", json.dumps({"words": words}))
    assert times(found) == [[0.5, 1], [1, 1.5], [1.5, 2], [2, 2.5]]
    assert "2 words have no times" in found.notes[0]
    np.testing.assert_array_equal(filled([[np.nan, np.nan], [1, 2]]), [[1, 1], [1, 2]])


def test_ctm(read):
    text = ";; made\nclip A 0.5 0.25 so 0.9\nclip A 0.75 0.5 nice\nother A 0 1 no\n"
    found = read("a.ctm", text, "clip")
    assert (found.words, times(found)) == (["so", "nice"], [[0.5, 0.75], [0.75, 1.25]])
    with pytest.raises(ValueError, match="of the recording 'third'.*clip, other"):
        read("a.ctm", text, "third")
    with pytest.raises(ValueError, match="'1 2' in line 1"):
        read("a.ctm", "1 2\n")


def test_csd_words(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "words.csd", "w") as file:
        group = file.create_group("words/data/clip")
        group["features"] = np.array([[b"sp"], [b"so"], [b"nice"]])
        group["intervals"] = np.array([[0, 0.5], [0.5, 0.75], [0.75, 1.25]])
    found = read_words(tmp_path / "words.csd", "clip")
    assert (found.words, times(found)) == (["so", "nice"], [[0.5, 0.75], [0.75, 1.25]])
    with pytest.raises(ValueError, match="of the recording 'other'.*clip"):
        read_words(tmp_path / "words.csd", "other")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.srt", "nothing", "expected captions.*a.srt' without any"),
        ("a.srt", "1\n00:00:02,0 --> 00:00:01,0\nx\n", "end after they start.*line 2"),
        ("a.TextGrid", '"ooTextFile" "Collection"', "expected a TextGrid of Praat"),
        ("a.json", "{", "expected JSON"),
        ("a.json", "[1]", "expected words with start and end"),
        ("a.json", '{"a": 1}', "no segments and no words"),
        ("a.json", '{"words": [{"word": "so"}]}', "which has none of 1 words"),
        ("a.doc", "x", "expected a file of words with times"),
    ],
)
def test_other_files_are_refused_with_a_sentence(read, name, text, said):
    with pytest.raises(ValueError, match=said):
        read(name, text)


def test_words_beyond_the_end_of_the_sound_are_left_out_and_counted():
    found = in_order(["a", "b", "c"], [[0, 1], [1, 3], [5, 6]], "x").within(2.0)
    assert (found.words, times(found)) == (["a", "b"], [[0, 1], [1, 2]])
    assert "1 of 3 words come after the end of the recording, at 2.0 s" in found.notes[0]


def test_order_is_that_of_time_and_pauses_are_no_words():
    found = in_order(["b", "sp", "a "], [[2, 1], [0, 9], [-1, 0.5]], "x")
    assert (found.words, times(found)) == (["a", "b"], [[0, 0.5], [2, 2]])
    assert spread("", 0, 1) == ([], [])
