"""The face of a video: landmarks by MediaPipe's networks, as named measurements."""

from kerasfuse.recordings.faces.tracking import face as face
