"""Sound files and frames, and the spectrograms that are made of sound by Keras."""

import functools
import pathlib

import keras
import numpy as np

from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.conversion.unreadable import Unreadable, reads_one_file
from kerasfuse.datasets.formats.wav_header import promised_and_present
from kerasfuse.optional_packages import require

IMAGES = (".jpg", ".jpeg", ".png")
# The difference between the highest and the lowest value of silence: two steps of 16 bits, in which
# dither may differ.
_SILENCE = 2.0**-14
# Decibels below the loudest at which spectrograms end, and where the lowest mel band begins.
_LOUDNESS_RANGE = 80.0
_LOWEST = 20.0


@reads_one_file
def read_sound(path, rate, window=1):
    """Read a wav or flac file as one channel at a sampling rate.

    Args:
        path: the file.
        rate: samples a second; other rates are resampled by a polyphase filter.
        window: samples, at that rate, that are the least for features to be made of.

    Returns:
        float32 `(samples,)` in [-1, 1].

    Raises:
        ImportError: without soundfile, of the extra `data`.
        Unreadable: for a file that is no sound, that breaks off before the end that its header
            promises, that is silent or shorter than a window, or has values that are not finite.
    """
    soundfile = require("soundfile", "wav and flac files", "data")
    try:
        x, found = soundfile.read(path, dtype="float32", always_2d=True)
    # A header may declare any number of samples.
    except (soundfile.LibsndfileError, OSError, ValueError, MemoryError) as error:
        source_files.check_content(path)
        raise Unreadable(
            f"expected a wav or flac file. Received: {str(path)!r}, which is none ({error}). Get "
            "the file again.",
            path,
            "cannot be read",
            str(error),
        ) from error
    _check_whole(path)
    if not len(x):
        raise Unreadable(
            f"expected sound. Received: {str(path)!r} with none. Get the file again, or remove it.",
            path,
            "under one frame",
            "no sound",
        )
    x = x.mean(axis=1)
    if not np.isfinite(x).all():
        raise Unreadable(
            f"expected sound in finite values. Received: {str(path)!r} with "
            f"{np.sum(~np.isfinite(x)):,} that are not. Get the file again, or remove it.",
            path,
            "not finite",
        )
    if np.ptp(x) <= _SILENCE:
        raise Unreadable(
            f"expected sound. Received: {str(path)!r}, which is silent all through. Get the file "
            "again, or remove it.",
            path,
            "silent",
        )
    if found != rate:
        from scipy.signal import resample_poly

        divisor = int(np.gcd(found, rate))
        x = resample_poly(x, rate // divisor, found // divisor).astype("float32")
    if len(x) < window:
        raise Unreadable(
            f"expected sound of {1000 * window / rate:.0f} ms or more, one frame of features. "
            f"Received: {str(path)!r} of {1000 * len(x) / rate:.3g} ms. Get the file again, or "
            "remove it.",
            path,
            "under one frame",
            f"{1000 * len(x) / rate:.3g} ms",
        )
    return x


def _check_whole(path):
    found = promised_and_present(path)
    if found and found[1] < found[0]:
        promised, present = found
        raise Unreadable(
            f"expected the {promised:,} bytes of sound that the file's header promises. Received: "
            f"{str(path)!r}, which breaks off after {present:,}. Get the file again.",
            path,
            "truncated",
            f"{present:,} of {promised:,} bytes of sound",
        )


def log_spectrogram(path, rate, seconds, window, stride):
    """Read a sound file as log(|S| + 1e-7), S its Fourier transform in windows.

    Args:
        path: a wav or flac file of one window at least. It is repeated or cut to the length.
        rate: samples a second.
        seconds: seconds that are kept.
        window, stride: length of a window and between windows, in samples.

    Returns:
        float32 `(window // 2 + 1, rate * seconds // stride + 1, 1)`.
    """
    x = np.resize(read_sound(path, rate, window), rate * seconds)
    real, imaginary = keras.ops.stft(x[None], window, stride, window)
    size = keras.ops.sqrt(keras.ops.square(real) + keras.ops.square(imaginary))
    # Some backends give one window more.
    steps = rate * seconds // stride + 1
    return np.log(keras.ops.convert_to_numpy(size)[0].T + 1e-7)[:, :steps, None]


def log_mel(x, rate, bands, window, stride):
    """Give the log-mel spectrogram of one channel, as `keras.layers.MelSpectrogram` makes it.

    Args:
        x: `(samples,)`.
        rate: samples a second.
        bands: number of mel bands, from 20 Hz to half the rate.
        window, stride: length of a window and between windows, in samples.

    Returns:
        float32 `(steps, bands)`, in decibels, at most 80 below the loudest.
    """
    spectrogram = log_mel_unclipped(x, rate, bands, window, stride)
    return np.maximum(spectrogram, loudness_floor(spectrogram))


def log_mel_unclipped(x, rate, bands, window, stride):
    """Give that of a part of a recording, see `log_mel` and `loudness_floor`."""
    spectrogram = keras.ops.convert_to_numpy(_mel_layer(rate, bands, window, stride)(x))
    return np.ascontiguousarray(spectrogram.T, "float32")


def loudness_floor(spectrogram):
    """Give the lowest value that the spectrogram of a whole recording has, 80 dB below its top."""
    return spectrogram.max(initial=-np.inf) - _LOUDNESS_RANGE


def mel_centres(rate, bands):
    """Give the middle of each band of `log_mel`, in Hz."""
    lowest, highest = (1127 * np.log1p(hertz / 700) for hertz in (_LOWEST, rate / 2))
    return 700 * np.expm1(np.linspace(lowest, highest, bands + 2)[1:-1] / 1127)


@functools.cache
def _mel_layer(rate, bands, window, stride):
    return keras.layers.MelSpectrogram(
        fft_length=1 << (window - 1).bit_length(),
        sequence_length=window,
        sequence_stride=stride,
        sampling_rate=rate,
        num_mel_bins=bands,
        min_freq=_LOWEST,
        top_db=np.inf,  # of a part the loudest is not known
        dtype="float32",  # under any policy
    )


def frames(folder):
    """List the images of a folder by name."""
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGES]


@reads_one_file
def read_image(path, side):
    """Read an image as a square of colours.

    Args:
        path: the file.
        side: pixels a side that the image is brought to.

    Returns:
        uint8 `(side, side, 3)`.

    Raises:
        ImportError: without Pillow, of the extra `data`.
        Unreadable: for a file that is no image or breaks off.
    """
    image_module = require("PIL.Image", "frames", "data", package="Pillow")
    try:
        with image_module.open(path) as image:
            small = image.convert("RGB").resize((side, side), image_module.Resampling.BILINEAR)
    # Pillow lets errors of other kinds through, of headers that promise too much for instance.
    except Exception as error:
        source_files.check_content(path)
        raise Unreadable(
            f"expected an image. Received: {str(path)!r}, which is none ({error}). Extract the "
            f"frames of {pathlib.Path(path).parent.name} again.",
            path,
            "cannot be read",
            str(error),
        ) from error
    return np.asarray(small)
