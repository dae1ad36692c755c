"""From an entry of the zoo to a training run: weights, history and results in a folder."""

from kerasfuse.recipes.comparison.comparing import compare
from kerasfuse.recipes.comparison.table import Comparison
from kerasfuse.recipes.execution.cluster import Executor
from kerasfuse.recipes.execution.states import Training, Trainings, states
from kerasfuse.recipes.publishing import publish
from kerasfuse.recipes.recording import record, record_weights
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.scoring import constant_scores, evaluate
from kerasfuse.recipes.search.trials import Trial
from kerasfuse.recipes.search.tuning import Search, read_search, tune
from kerasfuse.recipes.selection_audit import SelectionAudit, audit_selection
from kerasfuse.recipes.shipping.absent import evaluate_without
from kerasfuse.recipes.tasks.checks import DataWarning
from kerasfuse.recipes.tasks.floors import Floor, floor
from kerasfuse.recipes.tasks.new_entry import new_entry
from kerasfuse.recipes.tasks.predicting import (
    Predictions,
    predict_recording,
    predict_table,
)
from kerasfuse.recipes.training import train

__all__ = [
    "Comparison",
    "DataWarning",
    "Executor",
    "Floor",
    "Predictions",
    "Run",
    "Search",
    "SelectionAudit",
    "Training",
    "Trainings",
    "Trial",
    "audit_selection",
    "compare",
    "constant_scores",
    "evaluate",
    "evaluate_without",
    "floor",
    "new_entry",
    "predict_recording",
    "predict_table",
    "publish",
    "read_run",
    "read_search",
    "record",
    "record_weights",
    "states",
    "train",
    "tune",
]
