"""The tables of the benchmarks' page are those of the newest runs."""

import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"
RESULTS = sorted((FOLDER / "results").glob("*.md"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_page_has_the_tables_of_the_results(path):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    begin, end = f"<!-- begin {path.stem} -->\n", f"<!-- end {path.stem} -->"
    assert page.count(begin) == page.count(end) == 1
    assert page.split(begin)[1].split(end)[0] == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_table_shows_the_newest_run_of_its_machine(path):
    newest = {}
    for line in path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines():
        environment = json.loads(line)["environment"]
        text = ", ".join(f"{key} {value}" for key, value in environment.items())
        kind = tuple(environment[key] for key in ("device", "backend", "threads"))
        newest[kind] = last = f"Measured on {text}."
    lines = path.read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("Measured on")]
    assert last in shown and set(shown) <= set(newest.values())
