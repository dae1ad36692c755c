"""The sections of the page, one a file, in their order."""

from kerasfuse.report.sections.alignment import alignment
from kerasfuse.report.sections.attention import attention
from kerasfuse.report.sections.attention_use import attention_use
from kerasfuse.report.sections.contribution import contribution
from kerasfuse.report.sections.cost import cost
from kerasfuse.report.sections.gate import gate
from kerasfuse.report.sections.learning_curves import learning_curves
from kerasfuse.report.sections.modulation import modulation
from kerasfuse.report.sections.outputs import outputs
from kerasfuse.report.sections.provenance import provenance
from kerasfuse.report.sections.robustness import robustness
from kerasfuse.report.sections.scores import scores
from kerasfuse.report.sections.search import search

SECTIONS = (
    scores,
    learning_curves,
    outputs,
    robustness,
    contribution,
    attention,
    attention_use,
    alignment,
    gate,
    modulation,
    cost,
    search,
    provenance,
)
