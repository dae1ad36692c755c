"""What was trained on what, by which recipe, with which versions."""

import dataclasses

from kerasfuse.report.parts import Heading, Section, Table


def provenance(reported_runs):
    """Show model, data, recipe and versions of every run."""
    lead = "Everything that is needed to make these numbers again."
    parts = []
    for reported_run in reported_runs:
        if len(reported_runs) > 1:
            parts.append(Heading(reported_run.label))
        entry, first = reported_run.entry, reported_run.run.first
        recipe = {
            field.name: getattr(entry.recipe, field.name)
            for field in dataclasses.fields(entry.recipe)
            if field.name != "seeds" and getattr(entry.recipe, field.name) not in (None, ())
        }
        rows = [
            ["entry", entry.name],
            ["paper", entry.paper],
            ["model", f"{entry.model_class}({_written(entry.model_args)})"],
            ["data", f"{entry.data_name}({_written(entry.data_args)})"],
            ["recipe", _written(recipe)],
            ["made by", entry.weights.made_by],
            ["seeds", ", ".join(map(str, reported_run.run.seeds))],
            ["best seed on validation", str(reported_run.run.best_seed)],
            ["backend", first["backend"]],
            ["versions", ", ".join(f"{k} {v}" for k, v in first["versions"].items())],
            ["sha256 of the data", first["data_sha256"]],
            ["terms of the weights", entry.weights.license],
        ]
        parts.append(Table("Provenance", ("what", "value"), rows))
    return Section("provenance", "Where these numbers come from", lead, parts)


def _written(values):
    return ", ".join(f"{key}={value!r}" for key, value in values.items())
