"""Forced alignment: when the words of a transcript were said, by PocketSphinx."""

import re

import numpy as np

from kerasfuse.optional_packages import require
from kerasfuse.recordings.sound.reading import RATE
from kerasfuse.recordings.words.pronunciation import pronunciation
from kerasfuse.recordings.words.transcript import Transcript

_FRAMES = 100.0  # a second
# Seconds; the search keeps all states of all words.
_LONGEST = 1200
# Widths of the search: beam, between words, between phones. Its own, then wider ones: a narrow beam
# loses clear speech that is not as it was trained on; a wide one may lose the last words again.
_BEAMS = (
    (),
    (1e-56, 1e-40, 1e-56),
    (1e-64, 1e-48, 1e-64),
    (1e-72, 1e-56, 1e-72),
    (1e-80, 1e-60, 1e-80),
)
_NOT_SAID = re.compile(r"\[[^\[\]]*\]|<[^<>]*>")


def align(text, sound):
    """Find when each word of an English transcript was said.

    PocketSphinx brings its English acoustic model and dictionary with it. Words that the dictionary
    lacks are spelt letter by letter. What stands in square brackets is taken for no speech.

    Args:
        text: what is said, in the order in which it is said, complete.
        sound: `kerasfuse.recordings.Sound` of 20 minutes at most.

    Returns:
        `Transcript`, whose words are those of the text.

    Raises:
        ImportError: without PocketSphinx, of the extra `recordings`.
        ValueError: for a text without words in letters from a to z, for one that cannot be what is
            said, such as one longer than the sound, and for longer sound.

    Example:

    >>> align("hello world", Sound("hello.wav")).times  # doctest: +SKIP
    array([[0.1 , 0.52], [0.52, 1.01]])
    """
    pocketsphinx = require("pocketsphinx", "forced alignment", "recordings")
    written = _NOT_SAID.sub(" ", text).split()
    plain = [re.sub(r"[^a-z0-9']", "", word.lower().replace("’", "'")) for word in written]
    heard = [(word, one) for word, one in zip(written, plain, strict=True) if one.strip("'")]
    letters = sum(map(str.isalnum, "".join(written)))
    if not heard or sum(len(one) for _, one in heard) < letters / 2:
        raise ValueError(
            "expected an English transcript, in letters from a to z, to align with the sound. "
            f"Received: {' '.join(written)[:60]!r}. Give words with times instead, such as "
            "captions."
        )
    if sound.seconds > _LONGEST:
        raise ValueError(
            f"expected sound of {_LONGEST // 60} minutes at most, to align a transcript with. "
            f"Received: {sound.seconds / 60:.0f} minutes. Give captions with times, or cut it."
        )
    samples = np.clip(np.round(sound.read() * 32767), -32768, 32767).astype("<i2").tobytes()
    for beams in _BEAMS:
        said = _search(pocketsphinx, [one for _, one in heard], samples, beams)
        if len(said) == len(heard):
            break
    if len(said) != len(heard):
        raise ValueError(
            f"expected a transcript of what is said in {sound.path.name}. Received: "
            f"{len(heard):,} words, which {sound.seconds:.1f} s of sound cannot be aligned with: "
            "the transcript is longer than the sound, or of another one."
        )
    times = [(one.start_frame / _FRAMES, (one.end_frame + 1) / _FRAMES) for one in said]
    return Transcript(
        [word for word, _ in heard],
        sound.start + np.array(times, "float64").reshape(-1, 2),
        "forced alignment",
    )


def _search(pocketsphinx, words, samples, beams):
    """Return what PocketSphinx finds of the words, in order; it may end before the last of them."""
    settings = dict(zip(("beam", "wbeam", "pbeam"), beams, strict=False))
    decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL", lm=None, **settings)
    for word in set(words):
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, pronunciation(word) or "AH", True)
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    segments = [] if decoder.hyp() is None else list(decoder.seg() or [])
    return [one for one in segments if one.word[0] not in "<["]
