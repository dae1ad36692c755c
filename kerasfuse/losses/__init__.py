"""Task losses that Keras does not have."""

from kerasfuse.losses.emotion_cross_entropy import EmotionCrossEntropy
from kerasfuse.losses.sentiment_cross_entropy import SentimentCrossEntropy

__all__ = ["EmotionCrossEntropy", "SentimentCrossEntropy"]
