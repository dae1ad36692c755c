"""What a trained model does: how alike its modalities became, and what attends to what."""

from kerasfuse.analysis.a_distance import a_distance
from kerasfuse.analysis.alignment_scores import alignment_scores
from kerasfuse.analysis.attention.ablation import AttentionAblation, attention_ablation
from kerasfuse.analysis.attention.in_time import AttentionInTime, attention_in_time
from kerasfuse.analysis.attention.statistics import AttentionStatistics, attention_statistics
from kerasfuse.analysis.attention_figure import attention_figure
from kerasfuse.analysis.bootstrap import Interval, bootstrap, paired_bootstrap
from kerasfuse.analysis.competition_strength import MonoModalConcept, competition_strength
from kerasfuse.analysis.correlation_accuracy import correlation_accuracy
from kerasfuse.analysis.incongruity import Incongruity, incongruity
from kerasfuse.analysis.incongruity_figure import incongruity_figure
from kerasfuse.analysis.modality_contribution import ModalityContribution, modality_contribution
from kerasfuse.analysis.modality_contribution_figure import modality_contribution_figure
from kerasfuse.analysis.multiply_adds import multiply_adds
from kerasfuse.analysis.robustness import Robustness, robustness
from kerasfuse.analysis.robustness_figure import robustness_figure
from kerasfuse.analysis.shares import shares
from kerasfuse.analysis.significance import PairedTest, paired_test
from kerasfuse.tables import Table

__all__ = [
    "AttentionAblation",
    "AttentionInTime",
    "AttentionStatistics",
    "Incongruity",
    "Interval",
    "ModalityContribution",
    "MonoModalConcept",
    "PairedTest",
    "Robustness",
    "Table",
    "a_distance",
    "alignment_scores",
    "attention_ablation",
    "attention_figure",
    "attention_in_time",
    "attention_statistics",
    "bootstrap",
    "competition_strength",
    "correlation_accuracy",
    "incongruity",
    "incongruity_figure",
    "modality_contribution",
    "modality_contribution_figure",
    "multiply_adds",
    "paired_bootstrap",
    "paired_test",
    "robustness",
    "robustness_figure",
    "shares",
]
