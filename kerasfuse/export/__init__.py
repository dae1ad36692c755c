"""Export: models in formats that run without Keras."""

from kerasfuse.export.by_suffix import check_path, write
from kerasfuse.export.to_onnx import to_onnx
from kerasfuse.export.to_saved_model import to_saved_model

__all__ = ["check_path", "to_onnx", "to_saved_model", "write"]
