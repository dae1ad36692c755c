"""A picture of how a metric falls as inputs get worse."""

from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure

AXES = {
    "removed": "share of samples without the modality",
    "dropped": "share of steps dropped",
    "noise": "noise, in sd of each feature",
}


def robustness_figure(found, metric, title=None):
    """Draw a metric over the level of each corruption, a line for what it befalls.

    Args:
        found: a `Robustness`.
        metric: name of the metric.
        title: heading of the figure, or `None`.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("robustness.png")` writes it.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: a metric that was not measured.

    Example:

    >>> found = robustness(model, test, metrics.sentiment("mosi"))
    >>> robustness_figure(found, "mae").savefig("robustness.png")
    """
    if metric not in found.clean:
        raise ValueError(
            f"expected `metric` to be one of {', '.join(found.clean)}. Received: {metric!r}"
        )
    names = list(dict.fromkeys(name for befallen in found.curves.values() for name in befallen))
    figure = new_figure("robustness_figure", 3.6 * len(found.curves), 3.3)
    panels = figure.subplots(1, len(found.curves), sharey=True, squeeze=False)[0]
    for axes, (kind, befallen) in zip(panels, found.curves.items(), strict=True):
        for name in befallen:
            i = names.index(name)
            levels, values = found.curve(kind, name, metric)
            style = {"linestyle": "--" if name == "all" else "-", "marker": "o", "markersize": 3}
            axes.plot(levels, values, color=COLOURS[i % len(COLOURS)], label=name, **style)
        axes.set_xlabel(AXES[kind], color=INK)
        axes.locator_params(axis="x", nbins=6)
        axes.tick_params(colors=MUTED, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(metric, color=INK)
    panels[-1].legend(frameon=False, fontsize=9, labelcolor=INK)
    if title is not None:
        figure.suptitle(title, fontsize=13, fontweight="bold", color=INK)
    return figure
