"""Models, one a file, each readable beside its paper."""

from kerasfuse.models.dahb import DAHB
from kerasfuse.models.early_fusion import EarlyFusion
from kerasfuse.models.ef_lstm import EFLSTM
from kerasfuse.models.film_fusion import FiLMFusion
from kerasfuse.models.gated_fusion import GatedFusion
from kerasfuse.models.graph_mfn import GraphMFN
from kerasfuse.models.hct_mg import HCTMG
from kerasfuse.models.late_fusion import LateFusion
from kerasfuse.models.lf_lstm import LFLSTM
from kerasfuse.models.lmf import LMF
from kerasfuse.models.mag_bert import MAGBERT
from kerasfuse.models.mfn import MFN
from kerasfuse.models.mica import MICA
from kerasfuse.models.misa import MISA
from kerasfuse.models.mmim import MMIM
from kerasfuse.models.mult import MulT
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.registered import register
from kerasfuse.models.parts.scaled import Scaled
from kerasfuse.models.self_mm import SelfMM
from kerasfuse.models.text_guided_transformer import TextGuidedTransformer
from kerasfuse.models.tfn import TFN

__all__ = [
    "DAHB",
    "EFLSTM",
    "EarlyFusion",
    "FiLMFusion",
    "FusionModel",
    "GatedFusion",
    "GraphMFN",
    "HCTMG",
    "LFLSTM",
    "LMF",
    "LateFusion",
    "MAGBERT",
    "MFN",
    "MICA",
    "MISA",
    "MMIM",
    "MulT",
    "Scaled",
    "SelfMM",
    "TFN",
    "TextGuidedTransformer",
    "register",
]
