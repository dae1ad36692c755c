"""Layers for fusing modalities, one a file."""

from kerasfuse.layers.attention.attention_block import AttentionBlock
from kerasfuse.layers.attention.cross_attention_fusion import CrossAttentionFusion
from kerasfuse.layers.attention.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.attention.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.attention.crossmodal_hierarchy import CrossmodalHierarchy
from kerasfuse.layers.attention.crossmodal_transformer import CrossmodalTransformer
from kerasfuse.layers.attention.delta_memory_attention import DeltaMemoryAttention
from kerasfuse.layers.attention.joint_self_attention import JointSelfAttention
from kerasfuse.layers.attention.multi_cross_attention import MultiCrossAttention
from kerasfuse.layers.attention.post_norm_block import PostNormBlock
from kerasfuse.layers.attention.self_attention_summary import SelfAttentionSummary
from kerasfuse.layers.attention.transformer_encoder import TransformerEncoder
from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.layers.auxiliary_losses.class_entropy import ClassEntropy
from kerasfuse.layers.auxiliary_losses.contrastive_prediction import ContrastivePrediction
from kerasfuse.layers.auxiliary_losses.gaussian_likelihood import GaussianLikelihood
from kerasfuse.layers.auxiliary_losses.mmd_regularizer import MMDRegularizer
from kerasfuse.layers.auxiliary_losses.propagated_alignment import PropagatedAlignment
from kerasfuse.layers.auxiliary_losses.representation_loss import RepresentationLoss
from kerasfuse.layers.auxiliary_losses.subspace_regularizer import SubspaceRegularizer
from kerasfuse.layers.auxiliary_losses.supervised_auxiliary_loss import SupervisedAuxiliaryLoss
from kerasfuse.layers.auxiliary_losses.target_heads import TargetHeads
from kerasfuse.layers.auxiliary_losses.unimodal_labels import UnimodalLabels
from kerasfuse.layers.encoders.adapted_text_encoder import AdaptedTextEncoder
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.encoders.le_net import LeNet
from kerasfuse.layers.encoders.max_out import MaxOut
from kerasfuse.layers.encoders.mlp_head import MLPHead
from kerasfuse.layers.encoders.residual_head import ResidualHead
from kerasfuse.layers.encoders.resnet18 import ResNet18
from kerasfuse.layers.encoders.shifted_text_encoder import ShiftedTextEncoder
from kerasfuse.layers.fusion.dynamic_fusion_graph import DynamicFusionGraph
from kerasfuse.layers.fusion.gated_memory import GatedMemory
from kerasfuse.layers.fusion.hierarchical_bottleneck import HierarchicalBottleneck
from kerasfuse.layers.fusion.low_rank_fusion import LowRankFusion
from kerasfuse.layers.fusion.merge_gate import MergeGate
from kerasfuse.layers.fusion.modality_gate import ModalityGate
from kerasfuse.layers.fusion.multimodal_adaptation_gate import MultimodalAdaptationGate
from kerasfuse.layers.fusion.tensor_fusion import TensorFusion
from kerasfuse.layers.recurrent.bidirectional_lstm import BidirectionalLSTM
from kerasfuse.layers.recurrent.lstm_encoder import LSTMEncoder
from kerasfuse.layers.recurrent.masked_gru import MaskedGRU
from kerasfuse.layers.recurrent.masked_lstm import MaskedLSTM
from kerasfuse.layers.scaling.feature_scaling import FeatureScaling
from kerasfuse.layers.scaling.label_scaling import LabelScaling
from kerasfuse.layers.sequence.absent_as_zeros import AbsentAsZeros
from kerasfuse.layers.sequence.ctc_aligner import CTCAligner
from kerasfuse.layers.sequence.learned_positions import LearnedPositions
from kerasfuse.layers.sequence.learned_tokens import LearnedTokens
from kerasfuse.layers.sequence.left_justify import LeftJustify
from kerasfuse.layers.sequence.masked_conv1d import MaskedConv1D
from kerasfuse.layers.sequence.masked_pooling import MaskedPooling
from kerasfuse.layers.sequence.padding_mask import PaddingMask
from kerasfuse.layers.sequence.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.sequence.temporal_alignment import TemporalAlignment

__all__ = [
    "AdaptedTextEncoder",
    "AbsentAsZeros",
    "AttentionBlock",
    "AuxiliaryLoss",
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
    "FeatureScaling",
    "GatedMemory",
    "GaussianLikelihood",
    "HierarchicalBottleneck",
    "JointSelfAttention",
    "LSTMEncoder",
    "LabelScaling",
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
    "PostNormBlock",
    "PropagatedAlignment",
    "RepresentationLoss",
    "ResNet18",
    "ResidualHead",
    "SelfAttentionSummary",
    "ShiftedTextEncoder",
    "SinusoidalPositions",
    "SubspaceRegularizer",
    "SupervisedAuxiliaryLoss",
    "TargetHeads",
    "TemporalAlignment",
    "TensorFusion",
    "TransformerEncoder",
    "UnimodalLabels",
]
