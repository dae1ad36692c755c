"""Metrics over a whole data set, never averaged over batches."""

from kerasfuse.metrics.class_accuracy import ClassAccuracy
from kerasfuse.metrics.evaluate import evaluate
from kerasfuse.metrics.mean_absolute_error import MeanAbsoluteError
from kerasfuse.metrics.pearson_correlation import PearsonCorrelation
from kerasfuse.metrics.suites import binary, emotion, multiclass, sentiment
from kerasfuse.metrics.weighted_f1 import WeightedF1

__all__ = [
    "ClassAccuracy",
    "MeanAbsoluteError",
    "PearsonCorrelation",
    "WeightedF1",
    "binary",
    "emotion",
    "evaluate",
    "multiclass",
    "sentiment",
]
