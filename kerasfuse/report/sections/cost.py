"""What a run costs: weights, multiplications, time, memory."""

import time

import numpy as np

from kerasfuse import analysis
from kerasfuse.analysis.predictions import predictions
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Section, Table


def cost(reported_runs):
    """Show parameters, multiply-adds, time and memory of every run."""
    lead = (
        "Multiply-adds are those of one sample of the test split's mean lengths. Times and memory "
        "are of the machine that trained; the speed of prediction is of the one that made this "
        "page. Memory is the highest of the training process."
    )
    rows = {
        "parameters": lambda s: f"{s.run.first['parameters']:,}",
        "multiply-adds of a sample": _multiply_adds,
        "steps they are counted for": _steps,
        "training of a seed, seconds": lambda s: _mean(s, lambda r: r["seconds"]),
        "epochs of a training": _epochs,
        "seconds an epoch": _seconds_an_epoch,
        "peak memory, MiB": _memory,
        "predicted samples a second": _speed,
    }
    cells = [[name, *(_told(measure, s) for s in reported_runs)] for name, measure in rows.items()]
    columns = ("", *(s.label for s in reported_runs))
    return Section("cost", "Cost", lead, [Table("Cost of each run", columns, cells)])


def _told(measure, reported_run):
    try:
        return measure(reported_run)
    except FileNotFoundError:
        return "not measured: the data are not here"


def _multiply_adds(reported_run):
    try:
        return f"{analysis.multiply_adds(reported_run.model, reported_run.steps):,}"
    except ValueError:
        return "not known for a layer of this model"


def _steps(reported_run):
    return ", ".join(f"{m} {count}" for m, count in reported_run.steps.items()) or "-"


def _mean(reported_run, value):
    return short(float(np.mean([value(results) for results in reported_run.run.seeds.values()])), 4)


def _epochs(reported_run):
    found = [results["epochs"] for _, results in reported_run.trainings().values()]
    return str(found[0]) if len(set(found)) == 1 else f"{min(found)} to {max(found)}"


def _seconds_an_epoch(reported_run):
    rows = [row["seconds"] for rows in reported_run.histories().values() for row in rows]
    return short(float(np.mean(rows))) if rows else "-"


def _memory(reported_run):
    found = [results.get("peak_memory") for _, results in reported_run.trainings().values()]
    found = [value for value in found if value is not None]
    return f"{max(found):,.0f}" if found else "not recorded"


def _speed(reported_run):
    predictions(reported_run.model, reported_run.test)  # compiles
    start = time.perf_counter()
    predictions(reported_run.model, reported_run.test)
    return f"{reported_run.test.num_samples / (time.perf_counter() - start):,.0f}"
