"""CMU-MOSI by utterance: the bc-LSTM features of each video, joined with the real-valued labels."""

import itertools
import sys

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.standardization import standardized_steps, without_constant
from kerasfuse.datasets.formats.mosi_utterance_files import FILES, WIDTHS, source
from kerasfuse.datasets.registry import register

_INSTRUCTIONS = f"""\
The folder must hold CMU-MOSI as distributed with bc-LSTM (github.com/soujanyaporia/contextual-\
multimodal-fusion, its dataset/mosi folder as mosi/bclstm) and the sentences with real-valued \
labels (github.com/thuiar/Cross-Modal-BERT, its train.tsv, dev.tsv and test.tsv in \
mosi/standard): {", ".join(FILES)}."""


@register
def mosi_utterance(
    split,
    data_dir=None,
    *,
    context="preceding",
    context_length=None,
    target="last",
    label="value",
    standardize=True,
):
    """Make samples of one utterance of CMU-MOSI each, among the utterances of its video.

    A sample is three aligned sequences (text 100, audio 73, vision 100 features, one step an
    utterance) whose last step is the utterance to judge. The features are those of Poria et al.,
    "Context-Dependent Sentiment Analysis in User-Generated Videos", ACL 2017, and so are the 62
    videos for training (1447 utterances) and the 31 for testing (752). Validation is made of the
    10 training videos with the highest numbers (218 utterances); 1229 stay for training. No
    speaker is in two splits. The authors learnt the text and vision features with the labels of
    all 62 training videos, those for validation among them: ridge regression on the text of single
    utterances gets the sign of 99 % of the validation values right, on vision 90 %, and far less
    on the test videos. Validation scores are no estimate of test scores here, and they flatter
    what trusts text and vision.

    With `context="preceding"` the steps are the utterances up to the target, in time order, as one
    hears them. With `"video"` the utterances after the target come in addition, in front of the
    others: t+1, ..., n, 1, ..., t. This is the order of time around a circle, so that the target
    is last, its predecessor is next to it, its successor is the first step, and each distance in
    time can be told from a position, which it could not with the rest of the video in plain order
    before the target. An utterance whose features are all zero is a missing frame.

    Labels are the mean of the annotators on [-3, 3], or the 0/1 of the files, which is 1 where
    that mean is not negative. The real value of an utterance is found by its sentence. Four
    sentences occur twice each in pairs; of the two orders possible the one is taken that agrees
    better with the neighbours in the files.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with `mosi/bclstm` and `mosi/standard`; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        context: `"preceding"` or `"video"`.
        context_length: the most utterances beside the target, the nearest in time being kept;
            by default 20 for `"preceding"` and all for `"video"`.
        target: where the utterance to judge stands: `"last"`, or `"first"` for models that read the
            first step; the whole sequence is then turned around.
        label: `"value"` (real-valued) or `"class"` (0 negative, 1 not negative).
        standardize: centre and scale each feature by its mean and standard deviation over the 52
            training videos. Features that are constant there become 0.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the files are not found; it tells which and where.
        ValueError: for files that do not fit together, and for unknown options.

    Example:

    >>> train = kerasfuse.datasets.load("mosi_utterance", split="train", context="video")
    """
    if context not in ("preceding", "video"):
        raise ValueError(f'expected context="preceding" or "video". Received: context={context!r}')
    if target not in ("last", "first"):
        raise ValueError(f'expected target="last" or "first". Received: target={target!r}')
    if label not in ("value", "class"):
        raise ValueError(f'expected label="value" or "class". Received: label={label!r}')
    if context_length is None:
        context_length = 20 if context == "preceding" else sys.maxsize
    if not isinstance(context_length, int) or context_length < 0:
        raise ValueError(
            f"expected context_length to be a non-negative integer or None. "
            f"Received: context_length={context_length!r}"
        )
    folder = source_files.folder(data_dir)
    missing = [file for file in FILES if not (folder / file).is_file()]
    stored, _ = conversion.prepared(
        MosiUtterance,
        [] if missing else [folder / file for file in FILES],
        lambda bars: source(folder),
        data_dir=data_dir,
        missing=", ".join(missing[:3]) + (" and others" if len(missing) > 3 else ""),
    )
    utterances = _read(stored, split)
    if standardize:
        _standardize(utterances, utterances if split == "train" else _read(stored, "train"))
    steps = _steps(utterances["video"], context, context_length)
    if target == "first":
        steps = [rows[::-1] for rows in steps]
    return {
        "inputs": {name: [utterances[name][rows] for rows in steps] for name in WIDTHS},
        "labels": utterances[label],
        "label_range": (-3, 3) if label == "value" else (0, 1),
        "ids": utterances["id"],
        "aligned": True,
    }


class MosiUtterance(Builder):
    """CMU-MOSI by utterance: bc-LSTM features and real-valued sentiment."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS


def _read(stored, split):
    """Read the records of a split into a dict of arrays, sorted by video and time."""
    records = Records(stored, split)
    columns = {
        name: np.stack(rows) for name, rows in records.read(range(records.num_samples)).items()
    }
    columns["id"] = records.ids
    columns["video"] = [name.rpartition("_")[0] for name in records.ids]
    columns["value"], columns["class"] = records.labels.T
    return columns


def _standardize(utterances, train):
    moments = {}
    for name in WIDTHS:
        seen = train[name][train[name].any(axis=1)].astype("float64")
        moments[name] = without_constant(seen.mean(axis=0), seen.std(axis=0))
    for name, found in moments.items():
        utterances[name] = standardized_steps(utterances[name], *found)


def _steps(videos, context, context_length):
    """Give for each utterance the rows of its sequence, its own row last.

    Rows are sorted by video and time, so that a video is a range of rows.
    """
    steps = []
    for _, group in itertools.groupby(range(len(videos)), key=videos.__getitem__):
        rows = list(group)
        for place, target in enumerate(rows):
            before = rows[:place]
            after = rows[place + 1 :] if context == "video" else []
            # Of two utterances equally near, the one that was heard already comes first.
            nearest = sorted(before + after, key=lambda row: (abs(row - target), row))
            kept = set(nearest[:context_length])
            steps.append([row for row in [*after, *before] if row in kept] + [target])
    return steps
