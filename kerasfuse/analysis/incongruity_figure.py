"""A picture of what each modality does to one sample."""

import numpy as np

from kerasfuse.drawing import COLOURS, INK, MUTED, PAPER_TO_INK, new_figure, require_matplotlib

FOR, AGAINST = COLOURS[:2]


def incongruity_figure(found, sample=0, words=None, title=None):
    """Draw where attention goes under each set of sources, and what each modality contributes.

    On top a row of steps of the target for each set of sources, as in Figures 2, 3 and 5 of HCT-MG;
    below a bar for each modality, to the right where it raises the output and to the left where it
    lowers it.

    Args:
        found: an `Incongruity`.
        sample: row of the sample.
        words: names of the target's real steps, or `None` to count them.
        title: heading of the figure, or `None`.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("sample.png")` writes it.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: a sample that is not there, or a wrong number of words.

    Example:

    >>> found = incongruity(model, test)
    >>> incongruity_figure(found, int(found.scores.argmax())).savefig("sample.png")
    """
    require_matplotlib("incongruity_figure")
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    if not 0 <= sample < len(found.scores):
        raise ValueError(f"expected `sample` from 0 to {len(found.scores) - 1}. Received: {sample}")
    rows = np.array([weights[sample] for weights in found.attention.values()])
    # Padding gets exactly no attention, and an absent target none anywhere.
    rows = rows[:, rows.any(axis=0)]
    if words is not None and len(words) != rows.shape[1]:
        raise ValueError(
            f"expected one of `words` for each real step of {found.target!r}, {rows.shape[1]}. "
            f"Received: {len(words)}"
        )
    figure = new_figure("incongruity_figure", 9.0, 4.6)
    top, bottom = figure.subplots(2, 1)
    labels = [
        f"{found.target} alone" if label == "alone" else f"{label} \u2192 {found.target}"
        for label in found.attention
    ]
    top.set_yticks(range(len(labels)), labels)
    top.spines[:].set_visible(False)
    if rows.size:
        colours = LinearSegmentedColormap.from_list("paper_to_ink", PAPER_TO_INK)
        image = top.imshow(rows, cmap=colours, vmin=0.0, aspect="auto", interpolation="nearest")
        bar = figure.colorbar(image, ax=top, pad=0.01, aspect=12)
        bar.set_label("attention weight", fontsize=8, color=MUTED)
        bar.ax.tick_params(colors=MUTED, labelsize=8, length=2.5)
        bar.outline.set_visible(False)
        if words is None:
            top.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            top.set_xlabel(f"{found.target} step", color=INK)
        else:
            top.set_xticks(range(len(words)), words, rotation=60, ha="right")
    else:
        top.text(0.5, 0.5, f"{found.target} is absent", ha="center", color=MUTED)
        top.set(xticks=[], ylim=(len(labels) - 0.5, -0.5))

    names = list(found.contributions)
    values = [float(found.contributions[m][sample]) for m in names]
    bottom.barh(names, values, color=[FOR if v >= 0 else AGAINST for v in values], height=0.6)
    bottom.invert_yaxis()
    bottom.axvline(0.0, color=MUTED, linewidth=0.8)
    bottom.spines[["top", "right", "left"]].set_visible(False)
    bottom.set_xlabel("contribution to the output", color=INK)
    bottom.set_title(
        f"output {found.outputs[sample]:.2f}, incongruity {found.scores[sample]:.2f}",
        loc="left",
        fontsize=10,
        color=INK,
    )
    for axes in (top, bottom):
        axes.tick_params(colors=MUTED, labelsize=8, length=2.5)
    if title is not None:
        figure.suptitle(title, fontsize=13, fontweight="bold", color=INK)
    return figure
