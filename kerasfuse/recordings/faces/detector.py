"""Where faces are in a picture: BlazeFace (Bazarevsky et al., 2019)."""

import dataclasses

import numpy as np

from kerasfuse.recordings.faces.crops import crop, to_picture

_SIZE = 256
# Cells a side and boxes a cell of the two grids that the network looks at.
_GRIDS = ((16, 2), (8, 6))
_LEAST_SCORE = 0.5
# Intersection over union from which two boxes are one face.
_SAME = 0.3
# How much larger than its box the square around a face is, for the landmarks.
MARGIN = 1.5


@dataclasses.dataclass(frozen=True)
class Face:
    """One face.

    Args:
        centre: `(x, y)` of its middle in pixels.
        side: of the square around it, in pixels.
        angle: by which it is turned, in radians.
        score: from 0 to 1.
    """

    centre: tuple[float, float]
    side: float
    angle: float
    score: float


def detect(image, network):
    """Find the faces of a picture.

    Args:
        image: uint8 `(height, width, 3)`.
        network: of `models.network`.

    Returns:
        List of `Face`, the largest first.
    """
    height, width = image.shape[:2]
    centre, side = (width / 2, height / 2), float(max(height, width))
    boxes, logits = network(crop(image, centre, side, 0.0, _SIZE) / 127.5 - 1)
    score = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
    kept = np.flatnonzero(score >= _LEAST_SCORE)
    # Middle, size, then points: right eye, left eye, nose, mouth, ears.
    found = boxes.reshape(len(boxes), -1, 2)[kept] / _SIZE
    found[:, 0] += _anchors()[kept]
    found[:, 2:] += _anchors()[kept][:, None]
    faces = []
    for row in _separate(found[:, :2].reshape(-1, 4), score[kept]):
        points = [to_picture(x - 0.5, y - 0.5, centre, side, 0.0) for x, y in found[row]]
        (right, left), size = points[2:4], found[row, 1].max() * side
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        faces.append(Face(points[0], float(size), angle, float(score[kept][row])))
    return sorted(faces, key=lambda face: -face.side)


def _anchors():
    return np.concatenate(
        [
            np.repeat(
                np.stack(np.meshgrid(*2 * [(np.arange(cells) + 0.5) / cells]), -1).reshape(-1, 2),
                count,
                axis=0,
            )
            for cells, count in _GRIDS
        ]
    )


def _separate(boxes, score):
    """Give the positions of the best box of each face."""
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    area = np.prod(high - low, axis=1)
    chosen = []
    for row in np.argsort(-score):
        both = np.minimum(high[row], high[chosen]) - np.maximum(low[row], low[chosen])
        shared = np.prod(both.clip(min=0), axis=1)
        if (shared < _SAME * (area[row] + area[chosen] - shared)).all():
            chosen.append(row)
    return chosen
