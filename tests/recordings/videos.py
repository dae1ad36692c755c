"""Videos of grey pictures and a tone, written with PyAV."""

import numpy as np
import pytest


def tone(rate, seconds=1.5, hertz=220, channels=1):
    x = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    return np.repeat(x[:, None], channels, axis=1)


def write_video(path, sound=True, pictures=True, rate=44100, seconds=1.5, frames=10, late=0):
    """Write a video, and return its path; skip the test without PyAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    av = pytest.importorskip("av", reason="PyAV is not installed")
    codec, voice = ("vp8", "libopus") if path.suffix == ".webm" else ("mpeg4", "aac")
    rate = 48000 if path.suffix == ".webm" else rate
    with av.open(str(path), "w") as container:
        streams = []
        if pictures:
            video = container.add_stream(codec, rate=frames)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            streams += [
                (video, av.VideoFrame.from_ndarray(np.full((48, 64, 3), i % 256, "uint8"), "rgb24"))
                for i in range(round(seconds * frames))
            ]
        if sound:
            track = container.add_stream(voice, rate=rate)
            x = tone(rate, seconds)[:, 0].astype("float32")
            for first in range(0, len(x), 1024):
                part = av.AudioFrame.from_ndarray(x[None, first : first + 1024], "flt", "mono")
                part.sample_rate, part.pts = rate, first + round(late * rate)
                streams.append((track, part))
        for stream, frame in streams:
            container.mux(stream.encode(frame))
        for stream in dict.fromkeys(stream for stream, _ in streams):
            container.mux(stream.encode(None))
    return path
