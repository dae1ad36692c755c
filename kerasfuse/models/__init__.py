"""Models, one a file, each readable beside its paper."""

from kerasfuse.models.dahb import DAHB
from kerasfuse.models.fusion_model import FusionModel
from kerasfuse.models.hct_mg import HCTMG
from kerasfuse.models.mica import MICA
from kerasfuse.models.mult import MulT

__all__ = ["DAHB", "HCTMG", "MICA", "FusionModel", "MulT"]
