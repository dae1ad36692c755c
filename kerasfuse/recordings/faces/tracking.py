"""The face of a video: found, followed from frame to frame, and measured."""

import math
import pathlib

import numpy as np

from kerasfuse.datasets.conversion.unreadable import Unreadable, reads_one_file
from kerasfuse.recordings.faces.crops import crop, to_picture
from kerasfuse.recordings.faces.detector import MARGIN, Face, detect
from kerasfuse.recordings.faces.measurements import COLUMNS, measure
from kerasfuse.recordings.faces.models import DETECTOR, FILES, LANDMARKS, network
from kerasfuse.recordings.sound.reading import beginning, open_video
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.versions import EXTRACTORS

_RATE = 10
_MESH = 192
# Pixels of the longer side that frames are brought to: faces fill a part of them.
_LONGEST = 640
_OUTER_EYES = (33, 263)


def face(path, start=None, end=None, rate=_RATE, models=None):
    """Measure the face of a video, ten times a second.

    BlazeFace finds it, and MediaPipe's face mesh (Kartynnik et al., 2019) gives 468 landmarks,
    whose place in one frame is where the next is looked at. Of several faces the largest one is
    followed, as long as it is there; a note says so. A step without a face is zeros.

    Args:
        path: the video.
        start, end: seconds, the part that is meant.
        rate: steps a second. Of a video with fewer frames a second frames repeat.
        models: folder with one's own files of the two networks.

    Returns:
        `Stream` of twenty columns, see `measurements.measure`.

    Raises:
        FileNotFoundError: without the files of the networks, with how to get them.
        ImportError: without PyAV or LiteRT, of the extra `recordings`.
        Unreadable: for a file without pictures, and for one that cannot be read.

    Example:

    >>> face("clip.mp4").values.any(axis=1).mean()  # doctest: +SKIP
    1.0
    """
    folder = FILES.located(models)
    tracker = Tracker(*(network(str(folder / name)) for name in (DETECTOR, LANDMARKS)), rate)
    rows, times = [], []
    for time, image in frames(pathlib.Path(path), rate, start, end):
        # The same frame once more where the video has none of its own for this step.
        rows.append(rows[-1] if image is None else tracker.follow(image))
        times.append(time)
    values = np.array(rows, "float32").reshape(-1, len(COLUMNS))
    return Stream(
        values, np.array(times), COLUMNS, "face", EXTRACTORS["face"], tracker.notes(len(rows))
    )


def frames(path, rate, start=None, end=None):
    """Yield `(time, image)` at `start`, `start + 1 / rate` and so on, upright.

    The image is that shown at this time, uint8 `(height, width, 3)`, or `None` where it is still
    the one before. Before the first image of a video its first one stands.
    """
    start, stop = start or 0.0, math.inf if end is None else end
    place, held, fresh = 0, None, False
    for time, image in _decoded(path):
        while held is not None and (at := start + place / rate) < min(time, stop):
            yield at, held() if fresh else None
            place, fresh = place + 1, False
        if start + place / rate >= stop:
            return
        held, fresh = image, True
    if held is not None and start + place / rate < stop:
        yield start + place / rate, held() if fresh else None


@reads_one_file
def _decoded(path):
    return _decode(path)


def _decode(path):
    with open_video(path) as container:
        # The cover of a song is no video.
        tracks = [
            track
            for track in container.streams.video
            if not int(getattr(track, "disposition", 0)) & 0x400
        ]
        if not tracks:
            raise Unreadable(
                f"expected a video. Received: {str(path)!r}, which has no picture.",
                path,
                "no picture",
            )
        begun = beginning(container)
        for frame in container.decode(tracks[0]):
            if frame.time is not None:
                yield frame.time - begun, lambda frame=frame: _upright(frame)


def _upright(frame):
    scale = min(1.0, _LONGEST / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
    image = frame.to_ndarray(format="rgb24", width=width, height=height)
    # Phones write which side is up instead of turning the picture.
    return np.rot90(image, round((getattr(frame, "rotation", 0) or 0) / 90))


class Tracker:
    """Follow one face from picture to picture.

    Args:
        detector, mesh: networks.
        look: pictures after which all faces are looked for again.
    """

    def __init__(self, detector, mesh, look):
        self._detector, self._mesh, self._look = detector, mesh, look
        self._face, self._count = None, 0
        self.found, self.most, self.changes = 0, 0, 0
        self.landmarks = None

    def follow(self, image):
        """Give the measurements of the face in the next picture; zeros without a face."""
        before = self._face
        again = self._count % self._look == 0
        self._count += 1
        if again or self._face is None:
            faces = detect(image, self._detector)
            self.most = max(self.most, len(faces))
            if self._face is None and faces:
                self._face = faces[0]
        if self._face is None:
            return np.zeros(len(COLUMNS))
        self.landmarks, score = self._landmarks(image, self._face)
        if score < 0.5 and before is not None:  # it moved faster than the square around it
            faces = detect(image, self._detector)
            near = [one for one in faces if _distance(one, before) < before.side]
            self.changes += bool(faces) and not near
            if faces:
                self.landmarks, score = self._landmarks(image, (near or faces)[0])
        if score < 0.5:
            self._face = self.landmarks = None
            return np.zeros(len(COLUMNS))
        self._face = _around(self.landmarks, score)
        self.found += 1
        return measure(self.landmarks)

    def notes(self, steps):
        """Say in sentences what was seen in so many steps."""
        notes = []
        if steps and not self.found:
            notes.append("no face was found: all steps are zeros.")
        elif self.found < steps:
            notes.append(f"a face was found in {self.found:,} of {steps:,} steps.")
        if self.most > 1:
            changed = f"; it was another one {self.changes:,} times" * (self.changes > 0)
            notes.append(
                f"up to {self.most} faces at a time: the largest one was followed{changed}."
            )
        return tuple(notes)

    def _landmarks(self, image, one):
        side = one.side * MARGIN
        mesh, logit = self._mesh(crop(image, one.centre, side, one.angle, _MESH) / 255)
        points = mesh.reshape(-1, 3).astype("float64") / _MESH
        x, y = to_picture(points[:, 0] - 0.5, points[:, 1] - 0.5, one.centre, side, one.angle)
        score = 1 / (1 + np.exp(-float(np.clip(logit.reshape(-1)[0], -80, 80))))
        return np.stack([x, y, points[:, 2] * side], axis=1), score


def _around(landmarks, score):
    """Give the square around landmarks, turned as the eyes are."""
    right, left = landmarks[list(_OUTER_EYES), :2]
    angle = float(np.arctan2(*(left - right)[::-1]))
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    return Face(tuple((low + high) / 2), float((high - low).max()), angle, score)


def _distance(one, other):
    return math.dist(one.centre, other.centre)
