"""Metrics over a whole data set, never averaged over batches."""

from kerasfuse.metrics.balanced_accuracy import BalancedAccuracy
from kerasfuse.metrics.class_accuracy import ClassAccuracy
from kerasfuse.metrics.confusion_matrix import confusion_matrix
from kerasfuse.metrics.evaluate import evaluate
from kerasfuse.metrics.macro_f1 import MacroF1
from kerasfuse.metrics.mean_absolute_error import MeanAbsoluteError
from kerasfuse.metrics.mean_of_metrics import MeanOfMetrics
from kerasfuse.metrics.outputs.average_precision import AveragePrecision
from kerasfuse.metrics.outputs.output_correlation import OutputCorrelation
from kerasfuse.metrics.outputs.output_error import OutputError
from kerasfuse.metrics.outputs.presence_f1 import PresenceF1
from kerasfuse.metrics.outputs.spearman_correlation import SpearmanCorrelation
from kerasfuse.metrics.pearson_correlation import PearsonCorrelation
from kerasfuse.metrics.suites import (
    binary,
    emotion,
    multiclass,
    multilabel,
    regression,
    sentiment,
)
from kerasfuse.metrics.weighted_f1 import WeightedF1

__all__ = [
    "AveragePrecision",
    "BalancedAccuracy",
    "ClassAccuracy",
    "MacroF1",
    "MeanAbsoluteError",
    "MeanOfMetrics",
    "OutputCorrelation",
    "OutputError",
    "PearsonCorrelation",
    "PresenceF1",
    "SpearmanCorrelation",
    "WeightedF1",
    "binary",
    "confusion_matrix",
    "emotion",
    "evaluate",
    "multiclass",
    "multilabel",
    "regression",
    "sentiment",
]
