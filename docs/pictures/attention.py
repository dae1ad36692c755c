"""Draw the picture of the README: where MulT looks in two recordings of RAVDESS.

Two clips of the test actor, with the same sentence, intensity and repetition, one happy and one
fearful. A row of a map is a video frame; its colours show how its attention spreads over the sound.
Above each map is the loudness of the sound. Prints the numbers of the caption.

    python docs/pictures/attention.py --data-dir /path/to/ravdess
"""

import argparse
import pathlib

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

import kerasfuse
from kerasfuse.drawing import COLOURS, INK, MUTED, PAPER_TO_INK

ENTRY = "mult_ravdess"
MAP = "attention/1/audio_to_vision"
CLIPS = {"happy": "01-03-02-01-02-05", "fearful": "01-06-02-01-02-05"}
# Seconds between two steps of the features: the stride of the spectrogram, and NTSC video.
SOUND, VIDEO = 0.01, 1001 / 30000
OUTPUT = pathlib.Path(__file__).parents[1] / "_static" / "attention.png"


def read(model, data_dir):
    """Return the attention map and the loudness of every test clip, by id."""
    settings = {"split": "test", "data_dir": data_dir, "fold": 5, "batch_size": 60}
    test = kerasfuse.datasets.load("ravdess", **settings)
    decibels = kerasfuse.datasets.load("ravdess", **settings, standardize=False)[0][0]["audio"]
    inputs, labels = test[0]
    maps = model.extract(MAP).predict(inputs, verbose=0)[MAP]
    right = model.predict(inputs, verbose=0).argmax(1) == labels[:, 0]
    clips = {}
    for i, name in enumerate(test.ids):
        sound, frames = (inputs[m][i].any(axis=-1) for m in ("audio", "vision"))
        weights = maps[i][frames][:, sound]
        # 1 is even attention.
        clips[name] = weights * weights.shape[1], decibels[i][sound].mean(-1), right[i]
    return clips


def preference(weights, loudness):
    """Return how much more attention a loud step gets than a quiet one, on average."""
    loud = loudness > (loudness.min() + loudness.max()) / 2
    return weights[:, loud].mean() / weights[:, ~loud].mean()


def draw(clips):
    figure = Figure(figsize=(8, 3.9), dpi=96, layout="constrained")
    figure.set_facecolor("white")
    grid = figure.subplots(2, 2, height_ratios=(1, 3.2), sharex="col", sharey="row", squeeze=False)
    colours = LinearSegmentedColormap.from_list("paper_to_ink", PAPER_TO_INK)
    for (emotion, name), (above, below) in zip(CLIPS.items(), grid.T, strict=True):
        weights, loudness, _ = clips[name]
        seconds = weights.shape[1] * SOUND, weights.shape[0] * VIDEO
        above.plot(np.arange(len(loudness)) * SOUND, loudness, color=COLOURS[1], linewidth=1.2)
        above.set_title(f"spoken {emotion}", loc="left", fontsize=11, color=INK)
        image = below.imshow(
            weights,
            cmap=colours,
            vmin=0,
            vmax=2.5,
            aspect="auto",
            interpolation="nearest",
            extent=(0, seconds[0], seconds[1], 0),
        )
        below.set_xlabel("sound attended to, seconds", fontsize=9, color=INK)
    grid[0, 0].set_ylabel("dB", fontsize=9, color=INK)
    grid[1, 0].set_ylabel("video frame, seconds", fontsize=9, color=INK)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=MUTED, labelsize=8, length=2.5)
    longest = max(clips[name][0].shape[0] for name in CLIPS.values()) * VIDEO
    grid[1, 0].set_ylim(longest, 0)
    bar = figure.colorbar(image, ax=grid[1, :], extend="max", pad=0.02, aspect=24)
    bar.set_label("attention, 1 = even", fontsize=9, color=INK)
    bar.ax.tick_params(colors=MUTED, labelsize=8, length=2.5)
    bar.outline.set_visible(False)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of RAVDESS, by default $KERASFUSE_DATA")
    parser.add_argument("--output", default=OUTPUT, type=pathlib.Path)
    arguments = parser.parse_args()
    clips = read(kerasfuse.zoo.load(ENTRY), arguments.data_dir)
    ratios = {name: preference(*clip[:2]) for name, clip in clips.items()}
    for emotion, name in CLIPS.items():
        print(f"{emotion}: loud / quiet {ratios[name]:.2f}, recognised: {clips[name][2]}")
    louder = sum(ratio > 1 for ratio in ratios.values())
    print(f"loud steps get more attention in {louder} of {len(ratios)} test clips")
    draw(clips).savefig(arguments.output)
    print(f"Drawn in {arguments.output}")


if __name__ == "__main__":
    main()
