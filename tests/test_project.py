"""What a hosting site reads: the version in three places, the citation, and the CI workflow."""

import datetime
import os
import pathlib
import re
import subprocess
import tomllib

import pytest
import yaml

import kerasfuse

ROOT = pathlib.Path(__file__).parents[1]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_version_and_its_date_are_the_same_everywhere():
    first, *releases = re.findall(r"^## (.*)$", CHANGELOG, re.M)
    assert first == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", x) for x in releases]
    assert all(versions), releases
    numbers = [tuple(map(int, match[1].split("."))) for match in versions]
    assert numbers == sorted(numbers, reverse=True)
    newest = versions[0]
    assert newest[1] == str(CITATION["version"]) == kerasfuse.__version__
    assert newest[2] == CITATION["date-released"].isoformat()


def test_every_change_has_a_kind():
    kinds = re.findall(r"^### (.*)$", CHANGELOG, re.M)
    assert kinds and set(kinds) <= KINDS


def test_the_citation_is_of_this_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert CITATION["cff-version"] == "1.2.0" and CITATION["message"] and CITATION["title"]
    assert CITATION["authors"] == project["authors"]
    assert CITATION["license"] == project["license"]
    assert isinstance(CITATION["date-released"], datetime.date)


def test_the_page_about_versions_has_those_of_the_project():
    page = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lowest = dict(
        requirement.split(">=")
        for extra in (project["dependencies"], *map(extras.get, ("jax", "tensorflow", "text")))
        for requirement in extra
        if ";" not in requirement
    )
    tested = dict(re.findall(r"^(\S+)==(\S+)$", CONSTRAINTS, re.M))
    rows = {
        name.split(",")[0].lower().replace("pytorch", "torch").replace("hub", "-hub"): (low, exact)
        for name, low, exact in re.findall(
            r"^\| (\S[^|]*) \| (\S+) or newer \| ([\d.]+)[^|]* \|$", page, re.M
        )
    }
    assert set(rows) == {"python", "keras", "torch", "jax", "tensorflow", "keras-hub"}
    assert project["requires-python"] == f">={rows['python'][0]}"
    for name in rows.keys() - {"python"}:
        assert rows[name] == (lowest[name], tested[name]), name


@pytest.fixture
def ci(tmp_path):
    """Return a function that runs .ci/run with a `make` that only says what it is asked for."""
    for name, text in (("make", 'echo "make $*"'), ("chromium", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    def run(*steps):
        command = ["bash", ROOT / ".ci" / "run", *steps]
        return subprocess.run(
            command, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300
        )

    return run


def made(result):
    assert result.returncode == 0, result.stderr
    return [line for line in result.stdout.splitlines() if line.startswith("make ")]


def test_ci_makes_everything_and_the_wheel_last(ci):
    assert made(ci()) == [
        "make lint",
        "make test",
        "make test BACKEND=jax",
        "make test BACKEND=tensorflow",
        "make notebooks",
        "make docs",
        "make wheel-check",
    ]


def test_ci_makes_the_steps_that_it_is_given(ci):
    assert made(ci("jax", "torch")) == ["make test BACKEND=jax", "make test"]


def test_ci_makes_nothing_when_a_step_is_not_known(ci):
    result = ci("lint", "pytorch")
    assert result.returncode == 2 and not result.stdout
    assert "expected steps among lint browser torch" in result.stderr
    assert result.stderr.endswith("Received: pytorch\n")


def test_the_workflow_runs_every_step_once(ci):
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run ${{ matrix.steps }}"}
    steps = " ".join(job["strategy"]["matrix"]["steps"]).split()
    known = re.search("among (.*)[.] Received", ci("nothing").stderr)[1].split()
    # A browser is needed by every job whose tests open pages.
    assert sorted(["browser", *[s for s in steps if s != "browser"]]) == sorted(known)
