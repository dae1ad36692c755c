"""Pretrained encoders of text, whose vectors are the features of words."""

from kerasfuse.text.text_encoder import TextEncoder

__all__ = ["TextEncoder"]
