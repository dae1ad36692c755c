"""Sound files and frames, and the spectrograms that are made of sound by Keras."""

import functools
import pathlib

import keras
import numpy as np

from kerasfuse.datasets.conversion import source_files
from kerasfuse.optional_packages import require

IMAGES = (".jpg", ".jpeg", ".png")


def read_sound(path, rate):
    """Read a wav or flac file as one channel at a sampling rate.

    Args:
        path: the file.
        rate: samples a second; other rates are resampled by a polyphase filter.

    Returns:
        float32 `(samples,)` in [-1, 1].

    Raises:
        ImportError: without soundfile, of the extra `data`.
        ValueError: for a file that is no sound or holds none.
    """
    soundfile = require("soundfile", "wav and flac files", "data")
    try:
        x, found = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, MemoryError) as error:
        # A header may declare any number of samples.
        source_files.check_content(path)
        raise ValueError(
            f"expected a wav or flac file. Received: {str(path)!r}, which is none ({error}). Get "
            "the file again."
        ) from error
    if not len(x):
        raise ValueError(
            f"expected sound. Received: {str(path)!r} with none. Get the file again, or remove it."
        )
    x = x.mean(axis=1)
    if found != rate:
        from scipy.signal import resample_poly

        divisor = int(np.gcd(found, rate))
        x = resample_poly(x, rate // divisor, found // divisor).astype("float32")
    return x


def log_spectrogram(path, rate, seconds, window, stride):
    """Read a sound file as log(|S| + 1e-7), S its Fourier transform in windows.

    Args:
        path: a wav or flac file. A shorter one is repeated, a longer one is cut.
        rate: samples a second.
        seconds: seconds that are kept.
        window, stride: length of a window and between windows, in samples.

    Returns:
        float32 `(window // 2 + 1, rate * seconds // stride + 1, 1)`.
    """
    x = np.resize(read_sound(path, rate), rate * seconds)
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
    spectrogram = keras.ops.convert_to_numpy(_mel_layer(rate, bands, window, stride)(x))
    return np.ascontiguousarray(spectrogram.T, "float32")


@functools.cache
def _mel_layer(rate, bands, window, stride):
    return keras.layers.MelSpectrogram(
        fft_length=1 << (window - 1).bit_length(),
        sequence_length=window,
        sequence_stride=stride,
        sampling_rate=rate,
        num_mel_bins=bands,
        dtype="float32",  # under any policy
    )


def frames(folder):
    """List the images of a folder by name."""
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGES]


def read_image(path, side):
    """Read an image as a square of colours.

    Args:
        path: the file.
        side: pixels a side that the image is brought to.

    Returns:
        uint8 `(side, side, 3)`.

    Raises:
        ImportError: without Pillow, of the extra `data`.
        ValueError: for a file that is no image.
    """
    image_module = require("PIL.Image", "frames", "data", package="Pillow")
    try:
        with image_module.open(path) as image:
            small = image.convert("RGB").resize((side, side), image_module.Resampling.BILINEAR)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged image can raise almost anything, and declare any size
        source_files.check_content(path)
        raise ValueError(
            f"expected an image. Received: {str(path)!r}, which is none ({error}). Extract the "
            f"frames of {pathlib.Path(path).parent.name} again."
        ) from error
    return np.asarray(small)
