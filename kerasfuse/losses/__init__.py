"""Task and contrastive losses that Keras does not have."""

from kerasfuse.losses.dual_stream_contrast import DualStreamContrast
from kerasfuse.losses.emotion_cross_entropy import EmotionCrossEntropy
from kerasfuse.losses.nt_xent import NTXent
from kerasfuse.losses.sentiment_cross_entropy import SentimentCrossEntropy
from kerasfuse.losses.supervised_contrastive import SupervisedContrastive

__all__ = [
    "DualStreamContrast",
    "EmotionCrossEntropy",
    "NTXent",
    "SentimentCrossEntropy",
    "SupervisedContrastive",
]
