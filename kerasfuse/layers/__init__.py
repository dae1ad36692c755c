"""Layers for fusing modalities, one a file."""

from kerasfuse.layers.absent_as_zeros import AbsentAsZeros
from kerasfuse.layers.attention_block import AttentionBlock
from kerasfuse.layers.cross_attention_fusion import CrossAttentionFusion
from kerasfuse.layers.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.crossmodal_hierarchy import CrossmodalHierarchy
from kerasfuse.layers.crossmodal_transformer import CrossmodalTransformer
from kerasfuse.layers.dropout import Dropout
from kerasfuse.layers.hierarchical_bottleneck import HierarchicalBottleneck
from kerasfuse.layers.joint_self_attention import JointSelfAttention
from kerasfuse.layers.kept_for_loss import KeptForLoss
from kerasfuse.layers.learned_positions import LearnedPositions
from kerasfuse.layers.learned_tokens import LearnedTokens
from kerasfuse.layers.masked_conv1d import MaskedConv1D
from kerasfuse.layers.masked_gru import MaskedGRU
from kerasfuse.layers.masked_pooling import MaskedPooling
from kerasfuse.layers.merge_gate import MergeGate
from kerasfuse.layers.mmd_regularizer import MMDRegularizer
from kerasfuse.layers.modality_gate import ModalityGate
from kerasfuse.layers.multi_cross_attention import MultiCrossAttention
from kerasfuse.layers.padding_mask import PaddingMask
from kerasfuse.layers.propagated_alignment import PropagatedAlignment
from kerasfuse.layers.residual_head import ResidualHead
from kerasfuse.layers.self_attention_summary import SelfAttentionSummary
from kerasfuse.layers.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.temporal_alignment import TemporalAlignment

__all__ = [
    "AbsentAsZeros",
    "AttentionBlock",
    "CrossAttentionFusion",
    "CrossmodalAttention",
    "CrossmodalBlock",
    "CrossmodalHierarchy",
    "CrossmodalTransformer",
    "Dropout",
    "HierarchicalBottleneck",
    "JointSelfAttention",
    "KeptForLoss",
    "LearnedPositions",
    "LearnedTokens",
    "MMDRegularizer",
    "MaskedConv1D",
    "MaskedGRU",
    "MaskedPooling",
    "MergeGate",
    "ModalityGate",
    "MultiCrossAttention",
    "PaddingMask",
    "PropagatedAlignment",
    "ResidualHead",
    "SelfAttentionSummary",
    "SinusoidalPositions",
    "TemporalAlignment",
]
