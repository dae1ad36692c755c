"""How a model attends across modalities, and what that is worth to its score."""

from kerasfuse import analysis
from kerasfuse.analysis.attention.ablation import crossmodal_attentions
from kerasfuse.analysis.attention.statistics import UNIFORM_BELOW, attention_names


def attention_use(model, entry, test):
    """Return what an entry's results hold of attention, `None` of a model without any.

    Args:
        model: the model.
        entry: its `Entry`.
        test: `Batches` of the test split, not shuffled.

    Returns:
        Dict of lists over layers: `peak`, the largest weight of a row over the mean weight, `maps`,
        how many have two keys to choose from, and `sharp`, how many of these are not uniform; and
        of `score`, the score with its own attention, `uniform`, `other_sample` and `shifted`, the
        score with each in its place.
    """
    if not attention_names(model) or not crossmodal_attentions(model):
        return None
    layers = {"peak": [], "maps": [], "sharp": []}
    for peaks in analysis.attention_statistics(model, test).peaks.values():
        layers["peak"].append(round(sum(peaks) / max(1, len(peaks)), 3))
        layers["maps"].append(len(peaks))
        layers["sharp"].append(sum(peak >= UNIFORM_BELOW for peak in peaks))
    if not any(layers["maps"]):
        return None
    score = entry.recipe.score
    chosen = [metric for metric in entry.recipe.make_metrics() if metric.name == score]
    found = analysis.attention_ablation(model, test, chosen)
    own = found.intact[score]
    replaced = {
        name.replace(" ", "_"): round(own - lost[score], 6) for name, lost in found.lost.items()
    }
    return {**layers, "score": round(own, 6), **replaced}
