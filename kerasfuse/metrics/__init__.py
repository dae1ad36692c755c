"""Metrics over a whole data set, never averaged over batches."""

from kerasfuse.metrics.balanced_accuracy import BalancedAccuracy
from kerasfuse.metrics.class_accuracy import ClassAccuracy
from kerasfuse.metrics.confusion_matrix import confusion_matrix
from kerasfuse.metrics.evaluate import evaluate
from kerasfuse.metrics.macro_f1 import MacroF1
from kerasfuse.metrics.mean_absolute_error import MeanAbsoluteError
from kerasfuse.metrics.mean_of_metrics import MeanOfMetrics
from kerasfuse.metrics.pearson_correlation import PearsonCorrelation
from kerasfuse.metrics.suites import binary, emotion, multiclass, sentiment
from kerasfuse.metrics.weighted_f1 import WeightedF1

__all__ = [
    "BalancedAccuracy",
    "ClassAccuracy",
    "MacroF1",
    "MeanAbsoluteError",
    "MeanOfMetrics",
    "PearsonCorrelation",
    "WeightedF1",
    "binary",
    "confusion_matrix",
    "emotion",
    "evaluate",
    "multiclass",
    "sentiment",
]
