"""The files of RAVDESS: their names tell everything."""

import numpy as np

# By the fifth number of a name.
STATEMENTS = {
    "01": ("kids", "are", "talking", "by", "the", "door"),
    "02": ("dogs", "are", "sitting", "by", "the", "door"),
}
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
INSTRUCTIONS = (
    "RAVDESS (zenodo.org/records/1188976): the speech files 03-01-*.wav or .flac, and the facial "
    "landmark tracking (zenodo.org/records/3255102) 01-01-*.csv, in any folders below data_dir."
)


def find(folder):
    """List the sounds and the faces below a folder, by the take.

    Args:
        folder: `pathlib.Path`.

    Returns:
        Two lists of `(take, file)`; a take is a name without the modality.
    """
    sounds, faces = [], []
    for file in sorted(folder.rglob("0[13]-01-*")):
        if len(file.stem.split("-")) != 7:
            continue
        if file.stem.startswith("03") and file.suffix.lower() in (".wav", ".flac"):
            sounds.append((file.stem[3:], file))
        elif file.stem.startswith("01") and file.suffix.lower() == ".csv":
            faces.append((file.stem[3:], file))
    return sounds, faces


def meaning(take, file):
    """Return the words and the label of a take.

    Raises:
        ValueError: for a name that is none of RAVDESS.
    """
    _, emotion, _, statement, *_ = take.split("-")
    if statement not in STATEMENTS or not 1 <= int(emotion) <= len(EMOTIONS):
        raise ValueError(
            "expected a name of RAVDESS: modality-channel-emotion-intensity-statement-repetition-"
            f"actor, emotion 01 to 08 and statement 01 or 02. Received: {file}"
        )
    return STATEMENTS[statement], np.array(int(emotion) - 1)
