"""The words of a recording, from whatever file there is."""

import pathlib

from kerasfuse.datasets.formats.text_files import read_text
from kerasfuse.recordings.words.alignment import align
from kerasfuse.recordings.words.captions import read_captions
from kerasfuse.recordings.words.ctm import read_ctm
from kerasfuse.recordings.words.json_words import read_json
from kerasfuse.recordings.words.recognition import recognize
from kerasfuse.recordings.words.textgrid import read_textgrid
from kerasfuse.recordings.words.transcript import in_order

TIMED = (".srt", ".vtt", ".textgrid", ".json", ".ctm", ".csd")
SUFFIXES = (*TIMED, ".txt")


def read_words(path, name=None):
    """Read words with their times from a file.

    Args:
        path: captions (.srt, .vtt); a TextGrid of Praat; JSON of whisper, faster-whisper, WhisperX
            or gentle; a .ctm; or words of the CMU multimodal SDK, .csd.
        name: name of the recording, for files of several.

    Returns:
        `Transcript`, in order of time, without marks of pauses.

    Raises:
        OSError: for a file that is not there.
        ValueError: for one that is of none of these formats, or has no words of this recording.

    Example:

    >>> read_words("clip.srt").words[:2]  # doctest: +SKIP
    ['Not', 'bad']
    """
    path = pathlib.Path(path)
    suffix = path.suffix.lower()
    if suffix == ".csd":
        return _of_csd(path, name)
    if suffix not in TIMED:
        raise ValueError(
            f"expected a file of words with times, {', '.join(TIMED)}. Received: {str(path)!r}"
        )
    text = read_text(path)
    if suffix in (".srt", ".vtt"):
        return read_captions(text, path)
    if suffix == ".textgrid":
        return read_textgrid(text, path)
    if suffix == ".ctm":
        return read_ctm(text, path, name)
    return read_json(text, path)


def words_of(sound, transcript=None, model=None):
    """Give the words of a recording.

    Args:
        sound: `kerasfuse.recordings.Sound`.
        transcript: path of a file for `read_words`, or of a .txt file that is aligned with the
            sound; `None` for speech recognition.
        model: of speech recognition, see `recognize`.

    Returns:
        `Transcript` of the words inside the sound.

    Raises:
        ValueError, OSError, ImportError: see `read_words`, `align` and `recognize`.
    """
    if transcript is None:
        return recognize(sound, model)
    path = pathlib.Path(transcript)
    if path.suffix.lower() == ".txt":
        return align(read_text(path), sound)
    found = read_words(path, sound.path.stem).within(sound.start + sound.seconds)
    return found if not sound.start else found.between(sound.start, float("inf"))


def _of_csd(path, name):
    from kerasfuse.datasets.formats.csd import Sequence
    from kerasfuse.datasets.formats.csd_words import TimedWords

    timed = TimedWords(Sequence(path))
    if name not in timed:
        raise ValueError(
            f"expected words of the recording {name!r}. Received: {str(path)!r} with those of "
            f"{', '.join(timed.keys()[:3])} and others. Name the recording as the file does."
        )
    words, times = timed.read(name)
    return in_order(words.tolist(), times, "csd", timed.notes())
