"""A picture of what each modality contributes to a metric."""

from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure


def modality_contribution_figure(found, metric, title=None):
    """Draw three bars for each modality: absent, permuted, and its Shapley share.

    Args:
        found: a `ModalityContribution`.
        metric: name of the metric.
        title: heading of the figure, or `None`.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("contribution.png")` writes it.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: a metric that was not measured.

    Example:

    >>> found = modality_contribution(model, test, metrics.sentiment("mosi"))
    >>> modality_contribution_figure(found, "mae").savefig("contribution.png")
    """
    if metric not in found.everything:
        raise ValueError(
            f"expected `metric` to be one of {', '.join(found.everything)}. Received: {metric!r}"
        )
    rows = found.table(metric)
    figure = new_figure("modality_contribution_figure", 7.0, 1.3 + 0.8 * len(rows))
    axes = figure.subplots()
    for place, (_, absent, permuted, sd, share) in enumerate(rows):
        bars = [("absent", absent, 0), ("permuted", permuted, sd), ("Shapley value", share, 0)]
        for i, (label, value, error) in enumerate(bars):
            axes.barh(
                place + 0.26 * (i - 1),
                value,
                height=0.24,
                xerr=error or None,
                color=COLOURS[i],
                ecolor=MUTED,
                label=label if place == 0 else None,
            )
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.invert_yaxis()
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_xlabel(f"contribution to {metric}", color=INK)
    axes.tick_params(colors=MUTED, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    if title is not None:
        figure.suptitle(title, fontsize=13, fontweight="bold", color=INK)
    return figure
