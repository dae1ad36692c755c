"""Measurements of made-up landmarks, and squares cut out of pictures, in closed form."""

import numpy as np
import pytest

from kerasfuse.recordings.faces.crops import crop, to_picture
from kerasfuse.recordings.faces.measurements import COLUMNS, measure


@pytest.fixture
def landmarks():
    points = np.random.default_rng(0).normal(size=(468, 3))
    places = {
        33: (-0.5, 0, 0),
        133: (-0.2, 0, 0),
        159: (-0.35, -0.06, 0),
        145: (-0.35, 0.06, 0),
        263: (0.5, 0, 0),
        362: (0.2, 0, 0),
        386: (0.35, -0.03, 0),
        374: (0.35, 0.03, 0),
        55: (-0.1, -0.2, 0),
        105: (-0.3, -0.3, 0),
        70: (-0.5, -0.25, 0),
        285: (0.1, -0.2, 0),
        334: (0.3, -0.3, 0),
        300: (0.5, -0.25, 0),
        10: (0, -0.7, 0),
        152: (0, 1.0, 0),
        1: (0, 0.4, -0.3),
        2: (0, 0.5, 0),
        61: (-0.3, 0.65, 0),
        291: (0.3, 0.75, 0),
        0: (0, 0.6, 0),
        17: (0, 0.85, 0),
        13: (0, 0.65, 0),
        14: (0, 0.8, 0),
    }
    for number, place in places.items():
        points[number] = place
    return points


def named(landmarks):
    return dict(zip(COLUMNS, measure(landmarks).round(6).tolist(), strict=True))


def test_lengths_are_in_units_of_the_distance_of_the_eyes(landmarks):
    assert named(landmarks) == pytest.approx(
        {
            "mouth_open": 0.15,
            "mouth_width": np.hypot(0.6, 0.1),
            "lips_height": 0.25,
            "mouth_corner_right_up": 0.075,
            "mouth_corner_left_up": -0.025,
            "upper_lip_to_nose": -0.1 + 0.2,
            "jaw_drop": -0.6 + 1.2,
            "right_eye_open": 0.12 / 0.3,
            "left_eye_open": 0.06 / 0.3,
            **{f"{side}_brow_inner_up": 0.2 for side in ("right", "left")},
            **{f"{side}_brow_middle_up": 0.3 for side in ("right", "left")},
            **{f"{side}_brow_outer_up": 0.25 for side in ("right", "left")},
            "brows_apart": 0.2,
            "face_height": 1.7,
            "head_yaw": 0,
            "head_pitch": 0,
            "head_roll": 0,
        },
        abs=1e-5,
    )


@pytest.mark.parametrize(
    ("axes", "column", "angle"),
    [((0, 1), "head_roll", 0.4), ((2, 0), "head_yaw", -0.3), ((2, 1), "head_pitch", -0.2)],
)
def test_distance_and_pose_change_the_angles_only(landmarks, axes, column, angle):
    turn = np.eye(3)
    first, second = axes
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[second, first], turn[first, second] = np.sin(angle), -np.sin(angle)
    before, after = named(landmarks), named(landmarks @ turn.T * 37 + [100, 50, 0])
    assert abs(after.pop(column)) == pytest.approx(abs(angle), abs=1e-5)
    before.pop(column)
    assert after == pytest.approx(before, abs=1e-5)


def test_angles_have_the_signs_that_are_told(landmarks):
    def turned(matrix):
        return named(landmarks @ np.array(matrix).T)

    c, s = np.cos(0.3), np.sin(0.3)
    # The left eye, on the right in the picture, goes down: towards the left shoulder.
    assert turned([[c, -s, 0], [s, c, 0], [0, 0, 1]])["head_roll"] == pytest.approx(0.3)
    # The nose, nearest to the camera (z < 0), moves right in the picture, or down.
    assert turned([[c, 0, -s], [0, 1, 0], [s, 0, c]])["head_yaw"] == pytest.approx(0.3)
    assert turned([[1, 0, 0], [0, c, -s], [0, s, c]])["head_pitch"] == pytest.approx(0.3)


def test_a_crop_of_the_whole_is_the_picture():
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3), "uint8")
    np.testing.assert_allclose(crop(image, (4, 4), 8, 0.0, 8), image, atol=1e-4)
    np.testing.assert_allclose(crop(image, (4, 4), 8, np.pi / 2, 8), np.rot90(image, 1), atol=1e-3)
    outside = crop(image, (40, 4), 8, 0.0, 4)
    assert not outside.any()


def test_a_crop_is_linear_between_pixels():
    ramp = np.repeat(np.arange(0, 200, 10, "uint8")[None, :, None], 20, 0).repeat(3, 2)
    found = crop(ramp, (10, 10), 10, 0.0, 40)
    x, _ = to_picture(np.linspace(-0.4875, 0.4875, 40), 0.0, (10, 10), 10, 0.0)
    np.testing.assert_allclose(found[20, :, 0], (x - 0.5) * 10, atol=1e-3)
