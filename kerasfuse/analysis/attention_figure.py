"""A picture of crossmodal attention over the true alignment."""

import numpy as np

from kerasfuse.analysis.attention.in_time import check_rates
from kerasfuse.analysis.correlation_accuracy import correspondence, count_correct
from kerasfuse.drawing import COLOURS, INK, MUTED, PAPER_TO_INK, new_figure, require_matplotlib

OUTLINE = COLOURS[1]


def attention_figure(attention, true_alignment, words=None, title=None, rates=None):
    """Draw crossmodal attention maps of one sample over its true alignment.

    One panel for each source -> target pair, in the order of `true_alignment`: one column for each
    target, or side by side where there is one target.
    A row is a target step, and its colours say how its head-averaged attention spreads over the
    source steps; even attention is pale. Cells whose two steps belong to the same event are
    outlined. Each panel's heading counts the steps that `correlation_accuracy` calls correct, and
    how many of them a random step would be; the caption has the share over all panels.

    Args:
        attention: dict of `"{source}_to_{target}"` -> array (target steps, source steps), or with
            a leading axis of one sample; the names of `model.extract` will do
            (`"attention/3/audio_to_text"`). Steps past the alignment are padding and left out.
        true_alignment: dict of modality -> integer array (steps,), the event at each step, -1 for
            none.
        words: names of the steps of the `"text"` modality, or `None` to count them.
        title: heading of the figure, or `None`.
        rates: dict of modality -> steps a second, whose axes are then in seconds, or `None`.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("attention.png")` writes it.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: no map, a name that is not a pair, a modality without alignment, a map that is
            smaller than the alignment, a wrong number of words, or a rate that is not positive.

    Example:

    >>> from kerasfuse import datasets, models
    >>> batches = datasets.load("simulated", split="test", batch_size=1, num_samples=1)
    >>> model = models.MICA(batches.modalities, dim=6, num_heads=2, num_layers=1)
    >>> maps = model.extract("attention/0/audio_to_text").predict_on_batch(batches[0][0])
    >>> figure = attention_figure(maps, batches.alignment(0))
    >>> figure.axes[0].get_title(loc="left")
    'audio → text'
    """
    require_matplotlib("attention_figure")
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    panels = _panels(attention, true_alignment)
    if rates is not None:
        check_rates(rates)
    if words is not None and len(words) != len(true_alignment.get("text", ())):
        raise ValueError(
            "`words` expected one for each step of the 'text' alignment, "
            f"{len(true_alignment.get('text', ()))}. Received: {len(words)}"
        )
    modalities = list(true_alignment)
    columns = [[(s, t) for s in modalities if (s, t) in panels] for t in modalities]
    columns = [pairs for pairs in columns if pairs]
    if len(columns) == 1:
        columns = [[pair] for pair in columns[0]]
    rows = max(map(len, columns))
    figure = new_figure("attention_figure", 4.4 * len(columns), 3.7 * rows + 0.7)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.04)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    counts = []
    colours = LinearSegmentedColormap.from_list("paper_to_ink", PAPER_TO_INK)
    for axes in grid.flat:
        axes.set_axis_off()
    for column, pairs in enumerate(columns):
        for row, (source, target) in enumerate(pairs):
            axes, weights = grid[row, column], panels[source, target]
            _head(axes, source, target)
            events = true_alignment[target], true_alignment[source]
            if weights.size == 0:
                absent = target if len(events[0]) == 0 else source
                axes.text(0.5, 0.5, f"{absent} is absent", ha="center", color=MUTED)
                axes.set(xticks=[], yticks=[])
                continue
            _draw(figure, axes, weights, events, colours)
            counts.append(_count(axes, weights, events))
            for axis, modality in ((axes.xaxis, source), (axes.yaxis, target)):
                named = words if modality == "text" else None
                _name_steps(axis, modality, named, (rates or {}).get(modality))
            if source == "text" and words is not None:
                axes.tick_params(axis="x", rotation=90)
            axes.tick_params(colors=MUTED, labelsize=8, length=2.5)
    key = Line2D([], [], color=OUTLINE, linewidth=1.6, label=_caption(counts))
    figure.legend(
        handles=[key], loc="outside lower center", frameon=False, fontsize=10, labelcolor=INK
    )
    if title is not None:
        figure.suptitle(title, fontsize=14, fontweight="bold", color=INK)
    return figure


def _panels(attention, true_alignment):
    """Return (source, target) -> map, cropped to the aligned steps."""
    if not attention:
        raise ValueError("`attention` expected at least one map. Received: an empty dict")
    panels = {}
    for name, weights in attention.items():
        source, separator, target = name.split("/")[-1].partition("_to_")
        if not separator:
            raise ValueError(f"`attention` expected names SOURCE_to_TARGET. Received: {name!r}")
        for modality in (source, target):
            if modality not in true_alignment:
                raise ValueError(
                    f"`true_alignment` expected events of {modality!r}, which {name!r} needs. "
                    f"Received: {list(true_alignment)}"
                )
        weights = np.asarray(weights, "float64")
        if weights.ndim == 3 and len(weights) == 1:
            weights = weights[0]
        steps = len(true_alignment[target]), len(true_alignment[source])
        if weights.ndim != 2 or any(np.less(weights.shape, steps)):
            raise ValueError(
                f"`attention` expected a map of at least {steps} (target, source) steps for "
                f"{name!r}. Received: shape {weights.shape}"
            )
        panels[source, target] = weights[: steps[0], : steps[1]]
    return panels


def _head(axes, source, target):
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    pair = f"{source} \u2192 {target}"
    axes.set_title(pair, loc="left", fontsize=12, fontweight="bold", color=INK)


def _draw(figure, axes, weights, events, colours):
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    # A few peaks must not leave everything else pale, and indifference must not look dark: the
    # scale ends at the highest weights but for a few, and never below four times the even weight.
    top = max(float(np.quantile(weights, 0.995)), 4.0 / weights.shape[1])
    image = axes.imshow(
        weights, cmap=colours, vmin=0.0, vmax=top, aspect="auto", interpolation="nearest"
    )
    axes.add_collection(
        LineCollection(
            _outline(correspondence(*events)), colors=OUTLINE, linewidths=1.1, clip_on=False
        )
    )
    bar = figure.colorbar(
        image, ax=axes, extend="max" if weights.max() > top else "neither", pad=0.02, aspect=28
    )
    bar.set_label("attention weight", fontsize=8, color=MUTED)
    bar.ax.tick_params(colors=MUTED, labelsize=8, length=2.5)
    bar.locator = MaxNLocator(5)
    bar.outline.set_visible(False)


def _count(axes, weights, events):
    """Write how many steps are correct above a panel, and return that, chance and all steps."""
    correct, counted = count_correct(weights, *events)
    same = correspondence(*events)
    by_chance = float(same.mean(axis=1)[same.any(axis=1)].sum())
    heading = f"{correct} of {counted} right, {by_chance:.0f} by chance"
    axes.set_title(heading, loc="right", fontsize=8.5, color=MUTED)
    return correct, by_chance, counted


def _name_steps(axis, modality, words, rate):
    """Label an axis by words, by seconds where the rate is known, or by steps."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    if words is not None:
        axis.set_label_text(modality, fontsize=10, color=INK)
        stride = -(-len(words) // 24)
        axis.set_ticks(range(0, len(words), stride), words[::stride])
        return
    unit = "step" if rate is None else "in seconds"
    axis.set_label_text(f"{modality} {unit}", fontsize=10, color=INK)
    if rate is None:
        axis.set_major_locator(MaxNLocator(6, integer=True))
        return
    # The first step begins at 0 s, which is at -0.5 on an axis of steps.
    first, last = sorted(axis.get_view_interval())
    every = MaxNLocator(6).tick_values(0, (last - first) / rate)
    axis.set_major_locator(MultipleLocator(rate * (every[1] - every[0]), offset=-0.5))
    axis.set_major_formatter(FuncFormatter(lambda step, _: f"{(step + 0.5) / rate:g}"))


def _caption(counts):
    """Say what is outlined, and how often the darkest cell of a row is inside."""
    correct, by_chance, counted = np.sum(counts, axis=0) if counts else (0, 0, 0)
    caption = "steps of the same event (truth)"
    if counted:
        caption += (
            f"; the largest weight is there in {correct / counted:.0%} of the rows, "
            f"by chance in {by_chance / counted:.0%}"
        )
    return caption


def _outline(cells):
    """Return the borders of the true cells as line segments in image coordinates."""
    padded = np.pad(cells, 1).astype(int)
    rows, columns = np.nonzero(np.diff(padded, axis=0)[:, 1:-1])
    across = [((x - 0.5, y - 0.5), (x + 0.5, y - 0.5)) for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(np.diff(padded, axis=1)[1:-1])
    down = [((x - 0.5, y - 0.5), (x - 0.5, y + 0.5)) for y, x in zip(rows, columns, strict=True)]
    return across + down
