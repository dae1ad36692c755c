"""A picture of a prediction over time: scores, words that mattered, sound."""

import numpy as np

from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure

# Words are written where there is room for them: so many a second of the whole width.
_MOST_WORDS = 40


def prediction_figure(prediction, values=None, names=("score",), title=None):
    """Draw what a model says of a recording.

    Above, a line a score over the time of each utterance; then, of a model of words, those that
    mattered most, each as high as its influence, what the score loses without it; then the energy
    of the sound and, where there is a face, how open the mouth is.

    Args:
        prediction: `RecordingPrediction`.
        values: array `(utterances, names)`, what is drawn; by default the outputs of the model.
        names: a name a column.
        title: by default the name of the recording.

    Returns:
        A matplotlib figure.

    Raises:
        ImportError: matplotlib is missing.
    """
    values = prediction.outputs if values is None else np.asarray(values)
    if len(names) != values.shape[1]:
        names = tuple(map(str, range(values.shape[1])))
    words = [
        (float(abs(effect)), word, float(times.mean()), float(effect))
        for one in prediction.utterances
        for word, times, effect in zip(one.words, one.times, one.influence, strict=True)
    ]
    figure = new_figure("prediction_figure", 10, 6 if words else 4)
    heights = (2, 3, 1.5) if words else (2, 1.5)
    above, *middle, below = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    for place, name in enumerate(names):
        colour = COLOURS[place % len(COLOURS)]
        for one, row in zip(prediction.utterances, values, strict=True):
            above.plot([one.start, one.end], [row[place]] * 2, color=colour, linewidth=3)
        above.plot([], [], color=colour, linewidth=3, label=name)
    above.axhline(0, color=MUTED, linewidth=0.5)
    if len(names) > 1:
        above.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    above.set_ylabel(names[0] if len(names) == 1 else "score")
    above.set_title(title or prediction.path.name, loc="left", color=INK)
    if words:
        _draw_words(middle[0], words)
    energy = prediction.energy
    below.fill_between(energy.times, -80, energy.values[:, 0], color=MUTED, linewidth=0)
    below.set_ylabel("sound, dB")
    below.set_xlabel("seconds")
    if prediction.vision is not None:
        mouth = below.twinx()
        column = prediction.vision.columns.index("mouth_open")
        mouth.plot(prediction.vision.times, prediction.vision.values[:, column], color=COLOURS[1])
        mouth.set_ylabel("mouth open")
    figure.align_ylabels()
    return figure


def _draw_words(axes, words):
    for _, word, time, effect in sorted(words, reverse=True)[:_MOST_WORDS]:
        colour = COLOURS[0] if effect >= 0 else COLOURS[1]
        axes.annotate(
            # Not everybody's words are free of what matplotlib takes for mathematics.
            word.replace("$", r"\$"),
            (time, effect),
            rotation=60 if effect >= 0 else -60,
            fontsize=8,
            color=colour,
            ha="left",
            va="bottom" if effect >= 0 else "top",
            rotation_mode="anchor",
        )
        axes.plot([time, time], [0, effect], color=colour, linewidth=1)
    axes.axhline(0, color=MUTED, linewidth=0.5)
    # Words stand on their lines, slanted, and need the room of the longest.
    axes.margins(y=0.6)
    axes.set_ylabel("influence")
