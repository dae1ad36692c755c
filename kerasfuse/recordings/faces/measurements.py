"""What 468 landmarks of a face tell: mouth, eyes, brows and head pose, in named columns."""

import numpy as np

# MediaPipe's numbers of landmarks. Right and left are those of the person.
_RIGHT_EYE, _LEFT_EYE = (33, 133, 159, 145), (263, 362, 386, 374)  # outer, inner, top, bottom
_RIGHT_BROW, _LEFT_BROW = (55, 105, 70), (285, 334, 300)  # inner, middle, outer
_FOREHEAD, _CHIN, _NOSE, _UNDER_NOSE = 10, 152, 1, 2
_MOUTH_RIGHT, _MOUTH_LEFT, _LIP_TOP, _LIP_BOTTOM = 61, 291, 0, 17
_INNER_TOP, _INNER_BOTTOM = 13, 14

COLUMNS = (
    *("mouth_open", "mouth_width", "lips_height", "mouth_corner_right_up", "mouth_corner_left_up"),
    *("upper_lip_to_nose", "jaw_drop", "right_eye_open", "left_eye_open"),
    *("right_brow_inner_up", "right_brow_middle_up", "right_brow_outer_up"),
    *("left_brow_inner_up", "left_brow_middle_up", "left_brow_outer_up"),
    *("brows_apart", "face_height", "head_yaw", "head_pitch", "head_roll"),
)


def measure(landmarks):
    """Give twenty measurements of a face.

    Lengths are in units of the distance between the outer corners of the eyes, and are taken in the
    frame of the head, so that neither the distance from the camera nor the pose changes them. The
    last three are angles of the head in radians, 0 where it looks into the camera: yaw is positive
    towards the person's left, pitch downwards, roll towards the person's left shoulder.

    These are measurements of landmarks and no action units of OpenFace.

    Args:
        landmarks: array `(468, 3)`, x to the right, y down and z away from the camera, in one
            unit.

    Returns:
        float64 array `(20,)`, in the order of `COLUMNS`.
    """
    axes = _head_axes(landmarks)
    points = (landmarks - landmarks[_NOSE]) @ axes.T
    unit = np.linalg.norm(points[_LEFT_EYE[0]] - points[_RIGHT_EYE[0]])
    points = points / max(unit, 1e-9)

    def apart(one, other):
        return np.linalg.norm(points[one] - points[other])

    def higher(one, other):  # y points down
        return points[other, 1] - points[one, 1]

    lips = (points[_INNER_TOP, 1] + points[_INNER_BOTTOM, 1]) / 2
    values = [
        apart(_INNER_TOP, _INNER_BOTTOM),
        apart(_MOUTH_RIGHT, _MOUTH_LEFT),
        apart(_LIP_TOP, _LIP_BOTTOM),
        lips - points[_MOUTH_RIGHT, 1],
        lips - points[_MOUTH_LEFT, 1],
        higher(_UNDER_NOSE, _LIP_TOP),
        higher(_NOSE, _CHIN),
    ]
    for outer, inner, top, bottom in (_RIGHT_EYE, _LEFT_EYE):
        values.append(apart(top, bottom) / max(apart(outer, inner), 1e-9))
    for brow, eye in ((_RIGHT_BROW, _RIGHT_EYE), (_LEFT_BROW, _LEFT_EYE)):
        # Over the corners of the eye: its lid moves by itself.
        corners = points[[eye[1], eye[0]], 1]
        heights = (corners[0], corners.mean(), corners[1])
        values += [height - points[part, 1] for part, height in zip(brow, heights, strict=True)]
    values += [apart(_RIGHT_BROW[0], _LEFT_BROW[0]), apart(_FOREHEAD, _CHIN)]
    forward = -axes[2]
    yaw = np.arctan2(forward[0], -forward[2])
    pitch = np.arcsin(np.clip(forward[1], -1, 1))
    roll = np.arctan2(axes[0, 1], axes[0, 0])
    return np.array([*values, yaw, pitch, roll])


def _head_axes(landmarks):
    """Return the axes of the head as rows: to its left side, down, and into the face."""
    across = landmarks[_LEFT_EYE[0]] - landmarks[_RIGHT_EYE[0]]
    across = across / max(np.linalg.norm(across), 1e-9)
    down = landmarks[_CHIN] - landmarks[_FOREHEAD]
    down = down - (down @ across) * across
    down = down / max(np.linalg.norm(down), 1e-9)
    return np.stack([across, down, np.cross(across, down)])
