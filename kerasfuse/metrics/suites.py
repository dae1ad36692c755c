"""The metrics that a data set is reported with."""

import re

from kerasfuse.metrics.balanced_accuracy import BalancedAccuracy
from kerasfuse.metrics.class_accuracy import ClassAccuracy
from kerasfuse.metrics.label_scheme import EMOTIONS, MOSEI_EMOTIONS
from kerasfuse.metrics.macro_f1 import MacroF1
from kerasfuse.metrics.mean_absolute_error import MeanAbsoluteError
from kerasfuse.metrics.mean_of_metrics import MeanOfMetrics
from kerasfuse.metrics.outputs.average_precision import AveragePrecision
from kerasfuse.metrics.outputs.output_correlation import OutputCorrelation
from kerasfuse.metrics.outputs.output_error import OutputError
from kerasfuse.metrics.outputs.presence_f1 import PresenceF1
from kerasfuse.metrics.outputs.spearman_correlation import SpearmanCorrelation
from kerasfuse.metrics.pearson_correlation import PearsonCorrelation
from kerasfuse.metrics.weighted_f1 import WeightedF1
from kerasfuse.nearest_names import choose


def sentiment(dataset="mosi", weights_from="truth", seven_logits="expected"):
    """Return the metrics of a sentiment regression data set, all as fractions, not per cent.

    `"mosi"` and `"mosei"`: `acc7`, `acc5`, `acc3`, `acc2_has0` and `f1_has0` (negative /
    non-negative), `acc2_non0` and `f1_non0` (negative / positive, without samples labelled 0),
    `mae`, `corr`. `"sims"`: `acc5`, `acc3`, `acc2`, `f1` on CH-SIMS's own bins, `mae` and `corr`
    on values clipped to [-1, 1].

    Args:
        dataset: `"mosi"`, `"mosei"` or `"sims"`.
        weights_from: class sizes that weight F1, `"truth"`, or `"prediction"` to compare with
            papers that follow MulT's evaluation code (see `WeightedF1`).
        seven_logits: how seven logits are read, `"expected"` or `"argmax"` (see `ClassAccuracy`).

    Returns:
        A list of new metrics for labels (batch, 1) and scores (batch, 1).

    Raises:
        ValueError: an unknown data set or option.

    Example:

    >>> [metric.name for metric in sentiment("sims")]
    ['acc5', 'acc3', 'acc2', 'f1', 'mae', 'corr']
    """
    choose("dataset", dataset, ("mosi", "mosei", "sims"))
    if dataset == "sims":
        return [
            ClassAccuracy("sims_5", name="acc5"),
            ClassAccuracy("sims_3", name="acc3"),
            ClassAccuracy("sims_2", name="acc2"),
            WeightedF1("sims_2", weights_from, name="f1"),
            MeanAbsoluteError(clip=1.0),
            PearsonCorrelation(clip=1.0),
        ]
    return [
        ClassAccuracy("mosi_7", seven_logits, name="acc7"),
        ClassAccuracy("mosi_5", seven_logits, name="acc5"),
        ClassAccuracy("mosi_3", seven_logits, name="acc3"),
        ClassAccuracy("mosi_has0", seven_logits, name="acc2_has0"),
        WeightedF1("mosi_has0", weights_from, seven_logits, name="f1_has0"),
        ClassAccuracy("mosi_non0", seven_logits, name="acc2_non0"),
        WeightedF1("mosi_non0", weights_from, seven_logits, name="f1_non0"),
        MeanAbsoluteError(seven_logits=seven_logits),
        PearsonCorrelation(seven_logits=seven_logits),
    ]


def emotion(dataset="iemocap"):
    """Return the metrics of each emotion that is present or not, `happy_acc` and so on.

    `"iemocap"`: accuracy and weighted F1 (`_f1`). Eight logits are four independent pairs, Neutral,
    Happy, Sad, Angry, each (absent, present), as in MulT's evaluation code; F1 is weighted by the
    truth.

    `"mosei"`: accuracy, weighted accuracy (`_wacc`) and weighted F1 of happy, sad, anger, surprise,
    disgust and fear, and the means over the six, `mean_acc`, `mean_wacc` and `mean_f1`. An emotion
    is predicted where its logit is above 0. Weighted accuracy is that of Tong et al., "Combating
    Human Trafficking with Multimodal Deep Models", ACL 2017, which Zadeh et al., ACL 2018, took up
    for the emotions of CMU-MOSEI:

        (TP N / P + TN) / 2N = (TP / P + TN / N) / 2

    with P samples that have the emotion, of which TP are recognised, and N that do not, of which TN
    are recognised. Where no sample has the emotion, or all have it, it is the other rate alone
    (`BalancedAccuracy`), and F1 is that of the one class (`WeightedF1`): such numbers say little.

    Args:
        dataset: `"iemocap"` or `"mosei"`.

    Returns:
        A list of new metrics, for `"iemocap"` of labels (batch, 4, 2) or (batch, 4) and logits
        (batch, 8), for `"mosei"` of labels and logits (batch, 6).

    Raises:
        ValueError: an unknown data set.

    Example:

    >>> [metric.name for metric in emotion("iemocap")][:3]
    ['neutral_acc', 'neutral_f1', 'happy_acc']
    >>> [metric.name for metric in emotion("mosei")][-3:]
    ['mean_acc', 'mean_wacc', 'mean_f1']
    """
    choose("dataset", dataset, ("iemocap", "mosei"))
    if dataset == "mosei":
        kinds = {"acc": ClassAccuracy, "wacc": BalancedAccuracy, "f1": WeightedF1}

        def each(kind, name):
            return kinds[kind](f"mosei_{name}", name=f"{name}_{kind}")

        return [
            *(each(kind, name) for name in MOSEI_EMOTIONS for kind in kinds),
            *(
                MeanOfMetrics([each(kind, name) for name in MOSEI_EMOTIONS], name=f"mean_{kind}")
                for kind in kinds
            ),
        ]
    return [
        metric
        for name in EMOTIONS
        for metric in (
            ClassAccuracy(f"iemocap_{name}", name=f"{name}_acc"),
            WeightedF1(f"iemocap_{name}", name=f"{name}_f1"),
        )
    ]


def binary():
    """Return `accuracy`, weighted `f1`, `macro_f1` and `balanced_accuracy` of one logit.

    A logit above 0 is class 1.

    Returns:
        A list of new metrics for labels (batch, 1) and logits (batch, 1).

    Example:

    >>> [metric.name for metric in binary()]
    ['accuracy', 'f1', 'macro_f1', 'balanced_accuracy']
    """
    return _of_classes("logit")


def multiclass(num_classes):
    """Return `accuracy`, weighted `f1`, `macro_f1` and `balanced_accuracy` of a logit a class.

    Args:
        num_classes: number of classes.

    Returns:
        A list of new metrics for labels (batch,) or (batch, 1), class numbers from 0, and logits
        (batch, num_classes).

    Raises:
        ValueError: a number of classes that is none.

    Example:

    >>> accuracy, *others = multiclass(3)
    >>> accuracy.update_state([2, 0], [[0.1, 0.2, 0.9], [0.3, 0.5, 0.1]])
    >>> float(accuracy.result())
    0.5
    """
    return _of_classes(f"classes_{num_classes}")


def regression(names=("score",)):
    """Return the metrics of numbers: `mae`, `rmse`, `corr`, `spearman` and `concordance`.

    Of several numbers, `mean_mae` and so on are means over them, and `NAME_mae` and so on those of
    each. Errors are in the label's units.

    Args:
        names: names of the numbers, one an output.

    Returns:
        A list of new metrics for labels and outputs `(batch, len(names))`.

    Example:

    >>> [metric.name for metric in regression()]
    ['mae', 'rmse', 'corr', 'spearman', 'concordance']
    >>> [metric.name for metric in regression(["calm", "happy"])][4:7]
    ['mean_concordance', 'calm_mae', 'calm_rmse']
    """

    def of(**where):
        return [
            OutputError("mae", **where),
            OutputError("rmse", **where),
            OutputCorrelation("pearson", **where),
            SpearmanCorrelation(**where),
            OutputCorrelation("concordance", **where),
        ]

    return of() if len(names) == 1 else _of_each(of, names)


def multilabel(names):
    """Return the metrics of labels that are present or not: `mean_f1`, `mean_ap`, and of each.

    Args:
        names: names of the labels, one a logit.

    Returns:
        A list of new metrics for labels of 0 and 1 and logits `(batch, len(names))`: F1 (see
        `PresenceF1`) and average precision (see `AveragePrecision`).

    Example:

    >>> [metric.name for metric in multilabel(["calm", "happy"])]
    ['mean_f1', 'mean_ap', 'calm_f1', 'calm_ap', 'happy_f1', 'happy_ap']
    """
    return _of_each(lambda **where: [PresenceF1(**where), AveragePrecision(**where)], names)


def _of_each(make, names):
    """Return the means over outputs, then the metrics of each, under their names."""
    count, found = len(names), []
    plain = [re.sub(r"\W+", "_", str(name)).strip("_") or str(i) for i, name in enumerate(names)]
    taken = {"mean"}
    for i, name in enumerate(plain):
        plain[i] = name if name not in taken else f"{name}_{i}"
        taken.add(plain[i])
    for place, name in ((None, "mean"), *enumerate(plain)):
        for metric in make(num_outputs=count, output=place):
            config = metric.get_config() | {"name": f"{name}_{metric.name}"}
            found.append(type(metric).from_config(config))
    return found


def _of_classes(label_scheme):
    return [
        ClassAccuracy(label_scheme),
        WeightedF1(label_scheme),
        MacroF1(label_scheme),
        BalancedAccuracy(label_scheme),
    ]
