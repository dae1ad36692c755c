"""`kerasfuse analyse`: how much a model depends on each modality, and how corruption changes it."""

import pathlib

from kerasfuse import analysis, atomic, progress, zoo
from kerasfuse.cli import tables
from kerasfuse.metrics.conventions import format_value
from kerasfuse.nearest_names import choose
from kerasfuse.recipes.scoring import SPLITS, load_split, on_data


def run_analysis(name, split, metric, data_dir, weights, seed, figures, data=None):
    """Print contribution, robustness and, where it is defined, alignment of an entry's model.

    Args:
        name: an entry's name.
        split: `"train"`, `"validation"` or `"test"`.
        metric: one of the entry's metrics, or `None` for its score.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        weights: as in `zoo.load`.
        seed: of all draws.
        figures: folder for `contribution.svg` and `robustness.svg`, or `None`.
        data: path of other data, or name of another data set, than the entry's.

    Raises:
        ValueError: for an unknown entry, split or metric.
        FileNotFoundError: when weights or data are not there.
        OSError: when the folder cannot be written to.
    """
    entry, data_dir = on_data(name, data, data_dir)
    choose("split", split, SPLITS)
    metrics = entry.recipe.make_metrics()
    metric = entry.recipe.score if metric is None else metric
    choose("metric", metric, [each.name for each in metrics])
    if seed < 0:
        raise ValueError(f"expected seed to be a whole number from 0. Received: seed={seed}.")
    if figures is not None:
        atomic.check_writable(figures)
    model = zoo.load(name, weights)
    data = load_split(entry, split, data_dir, shuffle=False)
    with progress.bars() as bars:
        contribution = analysis.modality_contribution(
            model, data, metrics, seed=seed, progress=progress.counting(bars, "contribution")
        )
        robustness = analysis.robustness(
            model, data, metrics, seed=seed, progress=progress.counting(bars, "robustness")
        )
    _show_contribution(contribution, metric, f"{name}, {split}: {metric} owed to each modality")
    _show_robustness(robustness, metric, f"{name}, {split}: {metric} of worse inputs")
    _show_alignment(model, data, f"{name}, {split}: alignment of the last crossmodal layer")
    if entry.simulated:
        print("SIMULATED data: these numbers compare with nobody's.")
    if figures is not None:
        drawn = {
            "contribution": analysis.modality_contribution_figure(contribution, metric, name),
            "robustness": analysis.robustness_figure(robustness, metric, name),
        }
        for file, figure in drawn.items():
            path = pathlib.Path(figures, f"{file}.svg")
            with atomic.replacing(path) as temporary:
                figure.savefig(temporary)
            print(f"Drawn in {path}")


def _show_contribution(found, metric, title):
    rows = [
        [modality, *(format_value(metric, value) for value in (absent, permuted, sd, share))]
        for modality, absent, permuted, sd, share in found.table(metric)
    ]
    ends = [format_value(metric, side[metric]) for side in (found.everything, found.nothing)]
    notes = [
        f"With all modalities {ends[0]}, with none {ends[1]}: Shapley shares add up to the "
        "difference. absent, permuted: how much lower without the modality, and with that of other "
        "samples; of errors negative is good.",
    ]
    columns = ["modality", "absent", "permuted", "sd", "Shapley share"]
    tables.show(title, columns, rows, notes)


def _show_robustness(found, metric, title):
    rows = []
    for kind, befallen in found.curves.items():
        for modality in befallen:
            levels, values = found.curve(kind, modality, metric)
            at = [
                f"{level:g}: {format_value(metric, value)}"
                for level, value in zip(levels[1:], values[1:], strict=True)
            ]
            rows.append([f"{kind} {modality}", *at])
    untouched = format_value(metric, found.clean[metric])
    notes = [
        f"Untouched {untouched}. level: value. removed: share of samples without the modality; "
        "dropped: share of steps; noise: in standard deviations of each feature.",
    ]
    columns = ["inputs", *[""] * (len(rows[0]) - 1)]
    tables.show(title, columns, rows, notes)


def _show_alignment(model, data, title):
    if not any(name.startswith("queries/") for name in getattr(model, "intermediates", ())):
        print(f"{title}: not defined, the model has no crossmodal queries and keys.")
        return
    found = analysis.alignment_scores(model, data)
    measures = [key for key in found if key != "pairs"]
    rows = [
        [name.replace("_to_", " -> "), *(f"{scores[key]:.3f}" for key in measures)]
        for name, scores in {**found["pairs"], "mean": found}.items()
    ]
    tables.show(title, ["pair", *(key.replace("_", " ") for key in measures)], rows)
