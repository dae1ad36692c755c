"""Tables for the terminal: whole numbers in lines that fit."""

import pytest

from kerasfuse.cli import tables

COLUMNS = ["model", "test score", "of a paper (Table 5)", "accuracy_image", "strength_audio"]
ROWS = [("some_long_name_of_a_model", "80.1 ± 0.7", "69.8", "54.9 ± 1.4", "0.394 ± 0.017")] * 2


@pytest.mark.parametrize(("width", "count"), [(200, 1), (80, 2), (46, 4)])
def test_columns_that_do_not_fit_are_shown_below(monkeypatch, capsys, width, count):
    monkeypatch.setenv("COLUMNS", str(width))
    tables.show("Title", COLUMNS, ROWS, ["A note."])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.strip() == "Title" for line in lines) == 1 and lines[-1] == "A note."
    shown = [line for line in lines if ROWS[0][0] in line]
    assert len(shown) == 2 * count
    for number in ROWS[0][1:]:
        assert sum(number in line for line in shown) == 2
    assert max(map(len, lines)) <= width
