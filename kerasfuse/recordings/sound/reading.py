"""Sound files and the sound of videos, as blocks of one channel at 16 kHz."""

import contextlib
import functools
import pathlib

import numpy as np

from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.conversion.unreadable import Unreadable, reads_one_file
from kerasfuse.datasets.formats.wav_header import promised_and_present
from kerasfuse.optional_packages import require
from kerasfuse.recordings.sound.resampling import resampled

RATE = 16000
# What libsndfile reads; the rest is PyAV's. Its wheel has parts under the GPL, soundfile's has not.
PLAIN = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff")
VIDEOS = (".mp4", ".mkv", ".webm", ".mov", ".m4a", ".avi", ".m4v", ".opus", ".aac", ".3gp")
SUFFIXES = (*PLAIN, *VIDEOS)
# Formats whose headers count samples exactly.
_COUNTED = ("WAV", "FLAC", "AIFF", "WAVEX", "RF64")
_FRAMES = 2**17
# Seconds by which a header may be off, and the share of what it promises that has to be there.
_SLACK, _WHOLE = 1.0, 0.95
# Two steps of 16 bits, in which dither may differ.
_SILENCE = 2.0**-14
# Seconds by which the sound may begin after the picture before silence takes their place.
_LATE = 0.02


class Sound:
    """The sound of one file, read in blocks whenever it is asked for.

    The memory that is needed does not depend on the length of the file.

    Args:
        path: a wav, flac, ogg or mp3 file; or a video, mp4, mkv, webm or mov, with a sound track.
        start, end: seconds, the part of the recording that is meant; all of it by default.

    Attributes:
        path: the file.
        found_rate: samples a second in the file.
        start: seconds, as given; 0 by default.
        end: seconds, as given; `None` for all of it.

    Raises:
        FileNotFoundError: for a file that is not there.
        ImportError: without soundfile or, for videos, PyAV, both of the extra `recordings`.
        Unreadable: for a file that is none of these, or that has no sound track.

    Example:

    >>> sound = kerasfuse.recordings.Sound("clip.wav")  # doctest: +SKIP
    >>> sum(map(len, sound.blocks())) / 16000  # doctest: +SKIP
    10.0
    """

    def __init__(self, path, start=None, end=None):
        self.path = pathlib.Path(path)
        self.start, self.end = start or 0.0, end
        self._read = _plain if self.path.suffix.lower() in PLAIN else _of_video
        self.found_rate = _rate_of(self.path)

    def blocks(self):
        """Yield float32 arrays `(samples,)` in [-1, 1], at 16 kHz.

        Raises:
            Unreadable: for a file that breaks off, and for values that are not finite.
        """
        rate = self.found_rate
        first = round(self.start * rate)
        last = None if self.end is None else round(self.end * rate)
        yield from resampled(_part(self._read(self.path), first, last, self.path), rate, RATE)

    def read(self):
        """Read all of it, for short recordings.

        Returns:
            float32 `(samples,)`.
        """
        return np.concatenate([np.zeros(0, "float32"), *self.blocks()])

    @functools.cached_property
    def _measured(self):
        count, low, high = 0, np.inf, -np.inf
        for block in self.blocks():
            if len(block):
                count += len(block)
                low, high = min(low, block.min()), max(high, block.max())
        return count, float(high - low) if count else 0.0

    @property
    def seconds(self):
        """Its length, which takes reading it once."""
        return self._measured[0] / RATE

    @property
    def is_silent(self):
        """Whether nothing in it differs by more than two steps of 16 bits."""
        return self._measured[1] <= _SILENCE


def _part(blocks, first, last, path):
    """Give samples `first` to `last` of blocks."""
    place = 0
    for block in blocks:
        if not np.isfinite(block).all():
            raise Unreadable(
                f"expected sound in finite values. Received: {str(path)!r} with others. Get the "
                "file again.",
                path,
                "not finite",
            )
        start, stop = max(first - place, 0), len(block) if last is None else last - place
        if start < stop and start < len(block):
            yield block[start:stop]
        place += len(block)
        if last is not None and place >= last:
            return


@reads_one_file
def _rate_of(path):
    if path.suffix.lower() in PLAIN:
        with _opened(path) as file:
            return file.samplerate
    with open_video(path) as container:
        return _track(container, path).rate


@contextlib.contextmanager
def _opened(path):
    soundfile = require("soundfile", "sound files", "recordings")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, MemoryError) as error:
        source_files.check_content(path)
        raise Unreadable(
            f"expected a sound file. Received: {str(path)!r}, which cannot be read ({error}). Get "
            "the file again, or convert it to wav.",
            path,
            "cannot be read",
            str(error),
        ) from error


def _plain(path):
    found = promised_and_present(path)
    if found and found[1] < found[0]:
        raise _broken_off(path, f"{found[1]:,} of {found[0]:,} bytes of sound")
    with _opened(path) as file:
        read = 0
        while len(x := file.read(_FRAMES, dtype="float32", always_2d=True)):
            read += len(x)
            yield x.mean(axis=1)
        if file.format in _COUNTED and read < file.frames:
            raise _broken_off(path, f"{read:,} of {file.frames:,} samples")


@contextlib.contextmanager
def open_video(path):
    """Open a container with PyAV, and turn its errors into sentences.

    Yields:
        `av.container.InputContainer`.

    Raises:
        ImportError: without PyAV.
        Unreadable: for a file that is no recording, or is damaged.
    """
    av = require("av", "the sound and the pictures of videos", "recordings", package="av")
    source_files.check_content(path)
    try:
        with av.open(str(path)) as container:
            yield container
    except (av.FFmpegError, UnicodeDecodeError) as error:
        if path.suffix.lower() not in SUFFIXES:
            wanted = f"a recording, {', '.join(SUFFIXES[:4])} or {', '.join(VIDEOS[:4])}"
        else:
            wanted = f"a recording as the name of a {path.suffix} file promises"
        raise Unreadable(
            f"expected {wanted}. Received: {str(path)!r}, which cannot be read "
            f"({error.strerror or error}): it is damaged, cut off or something else. Get the file "
            "again.",
            path,
            "cannot be read",
            str(error.strerror or error),
        ) from error


def _track(container, path):
    if not container.streams.audio:
        raise Unreadable(
            f"expected a recording with sound. Received: {str(path)!r}, which has no sound track.",
            path,
            "no sound track",
        )
    return container.streams.audio[0]


def _of_video(path):
    av = require("av", "the sound of videos", "recordings")
    with open_video(path) as container:
        track = _track(container, path)
        rate, read = track.rate, 0
        late = float((track.start_time or 0) * track.time_base) - beginning(container)
        if late > _LATE:
            read = round(late * rate)
            yield np.zeros(read, "float32")
        resampler = None
        for frame in container.decode(track):
            if resampler is None:
                # Of other layouts and rates further on this makes what the track began with.
                resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
            for part in resampler.resample(frame):
                x = part.to_ndarray().mean(axis=0)
                read += len(x)
                yield x
        seconds = (container.duration or 0) / av.time_base
        if track.duration:
            seconds = float(track.duration * track.time_base)
        if read / rate < min(_WHOLE * seconds, seconds - _SLACK):
            raise _broken_off(path, f"{read / rate:.1f} of {seconds:.1f} s")


def beginning(container):
    """Return the time, in seconds of its own clock, at which a container begins."""
    return (container.start_time or 0) / 1e6


def _broken_off(path, detail):
    return Unreadable(
        f"expected a whole recording. Received: {str(path)!r}, which breaks off: {detail} are "
        "there. Get the file again.",
        path,
        "truncated",
        detail,
    )
