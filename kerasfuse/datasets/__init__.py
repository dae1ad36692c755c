"""Data sets by name, and batches of your own arrays."""

from kerasfuse.datasets import av_mnist as av_mnist
from kerasfuse.datasets import ave as ave
from kerasfuse.datasets import cremad as cremad
from kerasfuse.datasets import iemocap as iemocap
from kerasfuse.datasets import kinetics_sound as kinetics_sound
from kerasfuse.datasets import mosei as mosei
from kerasfuse.datasets import mosi as mosi
from kerasfuse.datasets import mosi_utterance as mosi_utterance
from kerasfuse.datasets import mosi_words as mosi_words
from kerasfuse.datasets import own as own
from kerasfuse.datasets import ravdess as ravdess
from kerasfuse.datasets import ravdess_speech as ravdess_speech
from kerasfuse.datasets import recordings as recordings
from kerasfuse.datasets import sims as sims
from kerasfuse.datasets import simulated as simulated
from kerasfuse.datasets import ur_funny as ur_funny
from kerasfuse.datasets.batching.batches import Batches
from kerasfuse.datasets.batching.companions import Companions
from kerasfuse.datasets.batching.grain_batches import GrainBatches
from kerasfuse.datasets.batching.modality_dropout import ModalityDropout
from kerasfuse.datasets.registry import (
    arguments,
    class_names,
    convert,
    instructions,
    load,
    names,
    num_classes,
    splits,
)

__all__ = [
    "Batches",
    "Companions",
    "GrainBatches",
    "ModalityDropout",
    "arguments",
    "class_names",
    "convert",
    "instructions",
    "load",
    "names",
    "num_classes",
    "splits",
]
