"""Pretrained encoders of text, and what the times of words tell."""

from kerasfuse.text.text_encoder import TextEncoder
from kerasfuse.text.word_shift import word_shift
from kerasfuse.text.word_timing import TIMING, word_timing

__all__ = ["TIMING", "TextEncoder", "word_shift", "word_timing"]
