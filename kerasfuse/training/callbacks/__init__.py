"""Keras callbacks that training runs use."""

from kerasfuse.training.callbacks.attention_history import AttentionHistory
from kerasfuse.training.callbacks.average_weights import AverageWeights
from kerasfuse.training.callbacks.competition_strength import CompetitionStrength
from kerasfuse.training.callbacks.freeze_modality_gate import FreezeModalityGate
from kerasfuse.training.callbacks.keep_epochs import KeepEpochs
from kerasfuse.training.callbacks.modality_gate_history import ModalityGateHistory
from kerasfuse.training.callbacks.modulation_history import ModulationHistory
from kerasfuse.training.callbacks.modulation_window import ModulationWindow
from kerasfuse.training.callbacks.refresh_companions import RefreshCompanions
from kerasfuse.training.callbacks.run_checkpoint import RunCheckpoint
from kerasfuse.training.callbacks.tensorboard_logs import TensorBoardLogs

__all__ = [
    "AttentionHistory",
    "AverageWeights",
    "CompetitionStrength",
    "FreezeModalityGate",
    "KeepEpochs",
    "ModalityGateHistory",
    "ModulationHistory",
    "ModulationWindow",
    "RefreshCompanions",
    "RunCheckpoint",
    "TensorBoardLogs",
]
