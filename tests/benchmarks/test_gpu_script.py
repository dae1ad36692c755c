"""The script for a GPU runs through where there is none, keeps to its time and loses nothing."""

import json
import pathlib
import sys

import keras
import pytest

if keras.config.backend() != "torch":
    pytest.skip("measures PyTorch first", allow_module_level=True)
sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import gpu  # noqa: E402
import measure  # noqa: E402
import workloads  # noqa: E402

CEILING = {"bytes": 1e9, "operations": {"float32": 1e12, "mixed_bfloat16": 1e12}}


def saved(folder):
    [line] = (folder / "gpu.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(line)


def test_it_runs_at_toy_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "MODELS", ("LFLSTM", "HCTMG"))
    page = (measure.FOLDER / "README.md").read_text(encoding="utf-8")
    gpu.main(["--toy", "--no-tests", "--only", "torch", "--results", str(tmp_path)])
    run = saved(tmp_path)
    assert run["environment"]["device"] and run["environment"]["began"]
    found = [(row["model"], row["policy"]) for row in run["rows"]]
    policies = ("float32", "mixed_bfloat16")
    assert found == [(model, policy) for policy in policies for model in gpu.MODELS]
    for row in run["rows"]:
        assert row["milliseconds"] > 0 and row["floor"] > 0 and row["dispatched"] > 100, row
    table = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert table.count("LFLSTM") == 2 and run["environment"]["device"] in table
    assert (measure.FOLDER / "README.md").read_text(encoding="utf-8") == page


def test_a_case_that_fails_says_why_and_the_next_is_measured():
    worker = gpu.Worker("torch")
    case = {"backend": "torch", "policy": "float32", "lengths": "toy", "batch": 2}
    case |= {"seconds": 0.01, "ceiling": CEILING}
    try:
        with pytest.raises(RuntimeError, match="ValueError: expected one of"):
            worker.ask(case | {"model": "nobody"}, 100)
        assert worker.ask(case | {"model": "EFLSTM"}, 100)["milliseconds"] > 0
        with pytest.raises(RuntimeError, match="not done in 0 s"):
            worker.ask(case | {"model": "EFLSTM"}, 0)
    finally:
        worker.stop()


def test_what_was_measured_stays_when_the_time_is_over(tmp_path, monkeypatch):
    clock, kept = [0.0], []

    class Worker:
        def __init__(self, backend):
            self.stop = lambda: None

        def ask(self, request, seconds):
            clock[0] += 50
            if not request:
                return CEILING | {"environment": measure.environment("cpu", 1)}
            if request["model"] == "MICA":
                raise RuntimeError("out of memory")
            return {"milliseconds": 1.0}

    def save(*arguments, save=measure.save):
        save(*arguments)
        kept.append(len(saved(tmp_path)["rows"]))

    monkeypatch.setattr(gpu, "Worker", Worker)
    monkeypatch.setattr(gpu.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(measure, "save", save)
    gpu.main(["--minutes", "4", "--no-tests", "--results", str(tmp_path)])
    rows = saved(tmp_path)["rows"]
    # Ceilings and four cases are all that fits; the others are there, and say so.
    assert kept == list(range(1, len(rows) + 1)) and len(rows) == len(gpu.cases())
    assert [row.get("milliseconds") for row in rows[:4]] == [1.0, None, 1.0, 1.0]
    assert rows[1]["note"] == "out of memory"
    assert {row["note"] for row in rows[4:]} == {"no time left"}


def test_the_order_is_that_of_what_is_wanted_most():
    cases = gpu.cases()
    assert all(case["model"] in workloads.names() for case in cases)
    torch = [case for case in cases if case["backend"] == "torch"]
    assert cases == torch + [case for case in cases if case["backend"] == "jax"]
    assert torch == sorted(torch, key=lambda case: (case["lengths"] == "typical", case["policy"]))
    assert {(c["lengths"], c["batch"]) for c in cases} == {("mosei", 16), ("typical", 64)}
