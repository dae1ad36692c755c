"""Tables of the entries for pages: the best result of each model, and all entries by data set."""

import re

from kerasfuse.metrics.conventions import format_value, lower_is_better
from kerasfuse.tables import markdown
from kerasfuse.zoo.cards.attention import IN_PLACE
from kerasfuse.zoo.listing import weights_origin
from kerasfuse.zoo.scores import score


def best_results(entries):
    """Return a markdown table of each model with its best recorded result on real data.

    Models of one modality alone fuse nothing and have no row. Scores on different data sets do not
    compare. Among the results of one model the highest
    accuracy is the best, whatever the data; an error counts only where there is no accuracy.
    """
    rows = {}
    recorded = [entry for entry in entries if entry.recorded and not entry.simulated]
    for entry in sorted(filter(_fuses, recorded), key=_place):
        rows.setdefault(entry.model_class, entry)
    return markdown(
        ("model", "paper", "best real result", "data", "entry"),
        [
            (
                f"`{model}`{_strategy(entry)}",
                _cited(entry),
                score(entry),
                f"`{entry.data_name}`",
                f"`{entry.name}`",
            )
            for model, entry in sorted(rows.items(), key=lambda row: row[0].lower())
        ],
    )


def by_data_set(entries):
    """Return markdown with a section for each data set: its terms and its entries, best first."""
    of_data = {}
    for entry in sorted(entries, key=lambda entry: (_place(entry), entry.name)):
        of_data.setdefault(entry.data_name, []).append(entry)

    def without_results_last(data):
        first = of_data[data][0]
        return not first.recorded, first.simulated, data

    sections = []
    for data in sorted(of_data, key=without_results_last):
        rows = [
            (
                f"`{entry.name}`",
                f"`{entry.model_class}`{_strategy(entry)}",
                f"{entry.parameters:,}" if entry.parameters is not None else "-",
                score(entry),
                score(entry, baseline=True),
                weights_origin(entry),
            )
            for entry in of_data[data]
        ]
        terms = "; ".join(sorted({entry.weights.license for entry in of_data[data]}))
        columns = ("name", "model", "parameters", "test score", "constant", "weights")
        sections.append(f"## {data}\n\nTerms: {terms}.\n\n{markdown(columns, rows)}")
    return "\n\n".join(sections)


def attention(entries):
    """Return a markdown table of how the recorded weights attend, and what that is worth."""
    rows = []
    for entry in entries:
        found = entry.results.get("attention")
        if found:
            metric = entry.recipe.score
            peaks = ", ".join(f"{peak:.2f}" for peak in found["peak"])
            scores = [format_value(metric, found[key]) for key in IN_PLACE]
            rows.append((f"`{entry.name}`", peaks, metric, *scores))
    return markdown(("entry", "largest / mean weight, by layer", "score", *IN_PLACE.values()), rows)


def _fuses(entry):
    arguments = entry.model_args
    return len({*arguments["modalities"], *arguments.get("encoders", ())}) > 1


def _place(entry):
    """Sort the best recorded score first, errors after accuracies, what has no score last."""
    if not entry.recorded:
        return 2, 0.0
    metric = entry.recipe.score
    mean = entry.results["test"][metric]["mean"]
    return (1, mean) if lower_is_better(metric) else (0, -mean)


def _strategy(entry):
    modulation = entry.recipe.modulation
    return f" with `{modulation['strategy']}`" if modulation else ""


def _cited(entry):
    """Name the paper: the first author, the conference's initials and the year."""
    citation = entry.citation
    if citation is None:
        return "-"
    initials = re.findall(r"\(([A-Z ]+)\)", citation.venue)
    venue = initials[0] if initials else citation.venue
    if citation.year is None:
        return venue
    others = " et al." if len(citation.authors) > 1 else ""
    return f"{citation.authors[0].split()[-1]}{others}, {venue} {citation.year}"
