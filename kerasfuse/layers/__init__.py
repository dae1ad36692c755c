"""Layers for fusing modalities, one a file."""

from kerasfuse.layers.absent_as_zeros import AbsentAsZeros
from kerasfuse.layers.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.crossmodal_hierarchy import CrossmodalHierarchy
from kerasfuse.layers.crossmodal_transformer import CrossmodalTransformer
from kerasfuse.layers.dropout import Dropout
from kerasfuse.layers.le_net import LeNet
from kerasfuse.layers.masked_conv1d import MaskedConv1D
from kerasfuse.layers.masked_gru import MaskedGRU
from kerasfuse.layers.masked_pooling import MaskedPooling
from kerasfuse.layers.max_out import MaxOut
from kerasfuse.layers.merge_gate import MergeGate
from kerasfuse.layers.mmd_regularizer import MMDRegularizer
from kerasfuse.layers.modality_gate import ModalityGate
from kerasfuse.layers.padding_mask import PaddingMask
from kerasfuse.layers.propagated_alignment import PropagatedAlignment
from kerasfuse.layers.residual_head import ResidualHead
from kerasfuse.layers.resnet18 import ResNet18
from kerasfuse.layers.self_attention_summary import SelfAttentionSummary
from kerasfuse.layers.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.transformer_encoder import TransformerEncoder

__all__ = [
    "AbsentAsZeros",
    "CrossmodalAttention",
    "CrossmodalBlock",
    "CrossmodalHierarchy",
    "CrossmodalTransformer",
    "Dropout",
    "LeNet",
    "MMDRegularizer",
    "MaskedConv1D",
    "MaskedGRU",
    "MaskedPooling",
    "MaxOut",
    "MergeGate",
    "ModalityGate",
    "PaddingMask",
    "PropagatedAlignment",
    "ResNet18",
    "ResidualHead",
    "SelfAttentionSummary",
    "SinusoidalPositions",
    "TransformerEncoder",
]
