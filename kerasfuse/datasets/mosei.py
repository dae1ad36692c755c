"""CMU-MOSEI: opinions on video, by utterance and word, of MulT, MMSA or the SDK."""

from kerasfuse.datasets.formats.sentiment_pickles import SentimentBuilder, load_pickled
from kerasfuse.datasets.registry import register
from kerasfuse.nearest_names import choose


@register
def mosei(
    split,
    data_dir=None,
    *,
    aligned=False,
    text="features",
    strict=False,
    modalities=None,
    label="sentiment",
):
    """Load CMU-MOSEI (Zadeh et al., ACL 2018): sentiment in [-3, 3] of 22,856 utterances.

    Which layout the file has is found out from what it holds. MulT's has GloVe vectors (300), 74
    COVAREP and 35 Facet features a step; MMSA's has BERT features (768) and token ids in place of
    GloVe. Unaligned there are up to 50, 500 and 500 steps and 16326/1871/4659 utterances for
    training, validation and testing; aligned 50 steps of each and 16327/1871/4662. In place of a
    pickle there may be the `.csd` files of the CMU multimodal SDK, one each of labels, word
    vectors, audio and vision, with the SDK's `cmu_mosei_std_folds.py` or a `folds.json` (split to
    videos) beside them: a step belongs to the utterance in which its middle lies.

    On the first load the file is converted into records, and what was found in it is told: values
    that were not finite and became 0 (COVAREP's -inf), labels that were clipped (old files go up
    to 5), padding, duplicates.

    With `label="emotions"` a label is six numbers, happy, sad, anger, surprise, disgust and fear: 1
    where the emotion is present, 0 where it is not. Any number of them may be, or none. Only the
    `.csd` files have them, `CMU_MOSEI_LabelsEmotions.csd`, or `CMU_MOSEI_Labels.csd`, where
    sentiment comes first: strengths from 0 to 3, above 0 where one of the annotators saw the
    emotion. A file that names its columns may have them in any order.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the file, or the folder with it or with the `.csd` files; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        aligned: whether all modalities have the steps of the words.
        text: `"features"`, or `"ids"` for the token ids of MMSA's file.
        strict: refuse split sizes other than those above.
        modalities: list of some of `"text"`, `"audio"` and `"vision"`; all by default.
        label: `"sentiment"` or `"emotions"`.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the file is not found; it tells its name.
        ValueError: for a file that holds something else, with the sample and the field, and for
            emotions of a pickle, which has none.

    Example:

    >>> train = kerasfuse.datasets.load("mosei", data_dir="mosei_senti_data_noalign.pkl")
    """
    emotions = choose("label", label, ("sentiment", "emotions")) == "emotions"
    found = load_pickled(
        Mosei, split, data_dir, aligned=aligned, text=text, strict=strict, emotions=emotions
    )
    found["inputs"].choose(modalities)
    return found


class Mosei(SentimentBuilder):
    """CMU-MOSEI: sentiment of utterances from text, audio and vision."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "MulT's mosei_senti_data_noalign.pkl (github.com/yaohungt/Multimodal-Transformer) and "
        "MMSA's unaligned_50.pkl (github.com/thuiar/MMSA) both do. The emotions are in .csd files "
        "of the CMU multimodal SDK (github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK)."
    )
    FILES = {
        False: ("mosei_senti_data_noalign.pkl", "unaligned_50.pkl"),
        True: ("mosei_senti_data.pkl", "aligned_50.pkl"),
    }
    SIZES = {
        False: {"train": 16326, "validation": 1871, "test": 4659},
        True: {"train": 16327, "validation": 1871, "test": 4662},
    }
    WIDTHS = {"text": (300, 768), "audio": (74,), "vision": (35,)}
    LABEL_RANGE = (-3, 3)
    IN_SEQUENCES = True
