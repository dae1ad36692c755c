"""Layers for fusing modalities, one a file."""

from kerasfuse.layers.absent_as_zeros import AbsentAsZeros
from kerasfuse.layers.attention_block import AttentionBlock
from kerasfuse.layers.bidirectional_lstm import BidirectionalLSTM
from kerasfuse.layers.class_entropy import ClassEntropy
from kerasfuse.layers.contrastive_prediction import ContrastivePrediction
from kerasfuse.layers.cross_attention_fusion import CrossAttentionFusion
from kerasfuse.layers.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.crossmodal_hierarchy import CrossmodalHierarchy
from kerasfuse.layers.crossmodal_transformer import CrossmodalTransformer
from kerasfuse.layers.ctc_aligner import CTCAligner
from kerasfuse.layers.delta_memory_attention import DeltaMemoryAttention
from kerasfuse.layers.dropout import Dropout
from kerasfuse.layers.dynamic_fusion_graph import DynamicFusionGraph
from kerasfuse.layers.gated_memory import GatedMemory
from kerasfuse.layers.gaussian_likelihood import GaussianLikelihood
from kerasfuse.layers.hierarchical_bottleneck import HierarchicalBottleneck
from kerasfuse.layers.joint_self_attention import JointSelfAttention
from kerasfuse.layers.le_net import LeNet
from kerasfuse.layers.learned_positions import LearnedPositions
from kerasfuse.layers.learned_tokens import LearnedTokens
from kerasfuse.layers.left_justify import LeftJustify
from kerasfuse.layers.low_rank_fusion import LowRankFusion
from kerasfuse.layers.masked_conv1d import MaskedConv1D
from kerasfuse.layers.masked_gru import MaskedGRU
from kerasfuse.layers.masked_lstm import MaskedLSTM
from kerasfuse.layers.masked_pooling import MaskedPooling
from kerasfuse.layers.max_out import MaxOut
from kerasfuse.layers.merge_gate import MergeGate
from kerasfuse.layers.mlp_head import MLPHead
from kerasfuse.layers.mmd_regularizer import MMDRegularizer
from kerasfuse.layers.modality_gate import ModalityGate
from kerasfuse.layers.multi_cross_attention import MultiCrossAttention
from kerasfuse.layers.multimodal_adaptation_gate import MultimodalAdaptationGate
from kerasfuse.layers.padding_mask import PaddingMask
from kerasfuse.layers.propagated_alignment import PropagatedAlignment
from kerasfuse.layers.representation_loss import RepresentationLoss
from kerasfuse.layers.residual_head import ResidualHead
from kerasfuse.layers.resnet18 import ResNet18
from kerasfuse.layers.self_attention_summary import SelfAttentionSummary
from kerasfuse.layers.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.subspace_regularizer import SubspaceRegularizer
from kerasfuse.layers.temporal_alignment import TemporalAlignment
from kerasfuse.layers.tensor_fusion import TensorFusion
from kerasfuse.layers.transformer_encoder import TransformerEncoder
from kerasfuse.layers.unimodal_labels import UnimodalLabels

__all__ = [
    "AbsentAsZeros",
    "AttentionBlock",
    "BidirectionalLSTM",
    "CTCAligner",
    "ClassEntropy",
    "ContrastivePrediction",
    "CrossAttentionFusion",
    "CrossmodalAttention",
    "CrossmodalBlock",
    "CrossmodalHierarchy",
    "CrossmodalTransformer",
    "DeltaMemoryAttention",
    "Dropout",
    "DynamicFusionGraph",
    "GatedMemory",
    "GaussianLikelihood",
    "HierarchicalBottleneck",
    "JointSelfAttention",
    "LeNet",
    "LearnedPositions",
    "LearnedTokens",
    "LeftJustify",
    "LowRankFusion",
    "MLPHead",
    "MMDRegularizer",
    "MaskedConv1D",
    "MaskedGRU",
    "MaskedLSTM",
    "MaskedPooling",
    "MaxOut",
    "MergeGate",
    "ModalityGate",
    "MultiCrossAttention",
    "MultimodalAdaptationGate",
    "PaddingMask",
    "PropagatedAlignment",
    "RepresentationLoss",
    "ResNet18",
    "ResidualHead",
    "SelfAttentionSummary",
    "SinusoidalPositions",
    "SubspaceRegularizer",
    "TemporalAlignment",
    "TensorFusion",
    "TransformerEncoder",
    "UnimodalLabels",
]
