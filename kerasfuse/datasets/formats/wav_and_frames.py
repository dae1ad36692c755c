"""Videos the way people keep them: a wav and a folder of frames each."""

import numpy as np

from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.conversion.unreadable import of_sample
from kerasfuse.datasets.formats import audio_files

# A spectrogram of ten seconds: 257 frequencies, 625 steps.
_RATE, _SECONDS, _WINDOW, _STRIDE = 22050, 10, 512, 353
_SIDE = 224


def find(folder, key):
    """List the sounds and frames below a folder.

    Args:
        folder: `pathlib.Path`.
        key: function of the path of a video without suffix that gives its key, or `None` for a
            video that does not count.

    Returns:
        List of `(key, sound)`, and list of `(key, folder of frames)`.
    """
    sounds, frames = [], {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".wav", ".flac"):
            sounds.append((key(path.with_suffix("")), path))
        elif path.suffix.lower() in audio_files.IMAGES:
            frames[path.parent] = key(path.parent)
    return (
        [(name, sound) for name, sound in sounds if name is not None],
        [(name, place) for place, name in frames.items() if name is not None],
    )


def files(pairs):
    """List all files of pairs of a sound and a folder of frames."""
    return [
        file for sound, folder in pairs.values() for file in (sound, *audio_files.frames(folder))
    ]


def source(splits, classes, middle=lambda video: 0.5, **known):
    """Give samples of one spectrogram and one frame each.

    Args:
        splits: dict of split to a list of `(id, class, sound, folder of frames)`.
        classes: list of the names of classes; a label is a position in it.
        middle: function of the id that tells where in the video the frame is, from 0 to 1.
        **known: more arguments of `Source`.
    """

    def sample(name, label, sound, folder):
        frames = audio_files.frames(folder)
        frame = frames[int(len(frames) * middle(name))]
        number = np.array(classes.index(label))
        with of_sample(name, number):
            audio = audio_files.log_spectrogram(sound, _RATE, _SECONDS, _WINDOW, _STRIDE)
            vision = audio_files.read_image(frame, _SIDE)
        return Sample(
            id=name,
            features={"audio": audio, "vision": vision},
            label=number,
            place=f"{sound} and {frame}",
        )

    steps = _RATE * _SECONDS // _STRIDE + 1
    return Source(
        fields={
            "audio": Field((_WINDOW // 2 + 1, steps, 1)),
            "vision": Field((_SIDE, _SIDE, 3), "uint8"),
        },
        splits={
            split: (len(videos), lambda i, videos=videos: sample(*videos[i]))
            for split, videos in splits.items()
        },
        label_range=(0, len(classes) - 1),
        **known,
    )
