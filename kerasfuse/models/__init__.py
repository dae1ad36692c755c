"""Models, one a file, each readable beside its paper."""

from kerasfuse.models.early_fusion import EarlyFusion
from kerasfuse.models.film_fusion import FiLMFusion
from kerasfuse.models.fusion_model import FusionModel
from kerasfuse.models.gated_fusion import GatedFusion
from kerasfuse.models.hct_mg import HCTMG
from kerasfuse.models.late_fusion import LateFusion
from kerasfuse.models.mica import MICA
from kerasfuse.models.mult import MulT
from kerasfuse.models.text_guided_transformer import TextGuidedTransformer

__all__ = [
    "EarlyFusion",
    "FiLMFusion",
    "FusionModel",
    "GatedFusion",
    "HCTMG",
    "LateFusion",
    "MICA",
    "MulT",
    "TextGuidedTransformer",
]
