"""The face of a video: landmarks by MediaPipe's networks, as named measurements."""

from kerasfuse.recordings.face.tracking import face

__all__ = ["face"]
