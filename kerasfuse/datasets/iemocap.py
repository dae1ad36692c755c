"""IEMOCAP: acted emotions, by utterance and word, from the pickles of MulT."""

from kerasfuse.datasets.formats.sentiment_pickles import SentimentBuilder, load_pickled
from kerasfuse.datasets.registry import register


@register
def iemocap(split, data_dir=None, *, aligned=False, strict=False):
    """Load IEMOCAP (Busso et al., 2008): four emotions, each present or not, of 4453 utterances.

    The file is that of MulT: GloVe vectors (300), 74 COVAREP and 35 Facet features a step, up to
    20, 400 and 500 steps unaligned and 20 of each aligned; 2717/798/938 utterances for training,
    validation and testing. A label is `(4, 2)`: for Neutral, Happy, Sad and Angry the pair (absent,
    present), one of them 1.

    On the first load the file is converted into records, and what was found in it is told.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the file, or the folder with it; the environment variable KERASFUSE_DATA by
            default, then the manual folder of TensorFlow Datasets.
        aligned: whether all modalities have the steps of the words.
        strict: refuse split sizes other than those above.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the file is not found; it tells its name.
        ValueError: for a file that holds something else, with the sample and the field.

    Example:

    >>> train = kerasfuse.datasets.load("iemocap", data_dir="iemocap_data_noalign.pkl")
    """
    return load_pickled(Iemocap, split, data_dir, aligned=aligned, strict=strict)


class Iemocap(SentimentBuilder):
    """IEMOCAP: four emotions of utterances from text, audio and vision."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "MulT's iemocap_data_noalign.pkl does (github.com/yaohungt/Multimodal-Transformer)."
    )
    FILES = {False: ("iemocap_data_noalign.pkl",), True: ("iemocap_data.pkl",)}
    SIZES = dict.fromkeys((False, True), {"train": 2717, "validation": 798, "test": 938})
    WIDTHS = {"text": (300,), "audio": (74,), "vision": (35,)}
    LABEL_SHAPE = (4, 2)
    LABEL_RANGE = (0, 1)
