"""A square of a picture, turned and scaled, by bilinear interpolation."""

import numpy as np


def crop(image, centre, side, angle, size):
    """Cut a turned square out of a picture; what lies outside of it is black.

    Args:
        image: uint8 `(height, width, 3)`.
        centre: `(x, y)` of the middle of the square in pixels.
        side: its length in pixels of the picture.
        angle: by which it is turned, in radians, from x towards y.
        size: pixels of a side that come out.

    Returns:
        float32 `(size, size, 3)` from 0 to 255.
    """
    x, y = to_picture(
        *np.meshgrid(*2 * [(np.arange(size) + 0.5) / size - 0.5]), centre, side, angle
    )
    left, top = np.floor(x - 0.5).astype(int), np.floor(y - 0.5).astype(int)
    right_share, low_share = (x - 0.5 - left)[..., None], (y - 0.5 - top)[..., None]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    height, width = image.shape[:2]

    def at(row, column):
        return padded[np.clip(row, -1, height) + 1, np.clip(column, -1, width) + 1]

    upper = at(top, left) * (1 - right_share) + at(top, left + 1) * right_share
    lower = at(top + 1, left) * (1 - right_share) + at(top + 1, left + 1) * right_share
    return (upper * (1 - low_share) + lower * low_share).astype("float32")


def to_picture(x, y, centre, side, angle):
    """Return where points of a square, from -0.5 to 0.5, lie in its picture, in pixels."""
    cosine, sine = np.cos(angle) * side, np.sin(angle) * side
    return centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine
