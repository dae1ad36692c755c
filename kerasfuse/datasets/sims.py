"""CH-SIMS: opinions on video in Chinese, with labels of each modality, from MMSA's pickles."""

from kerasfuse.datasets.formats.sentiment_pickles import SentimentBuilder, load_pickled
from kerasfuse.datasets.registry import register


@register
def sims(split, data_dir=None, *, aligned=False, text="features", label=None, strict=False):
    """Load CH-SIMS (Yu et al., ACL 2020): sentiment in [-1, 1] of 2281 clips.

    The file is that of MMSA: up to 39 steps of BERT features (768) or token ids, 400 of 33 audio
    and 55 of 709 vision features; 1368/456/457 clips for training, validation and testing.

    On the first load the file is converted into records, and what was found in it is told.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the file, or the folder with it; the environment variable KERASFUSE_DATA by
            default, then the manual folder of TensorFlow Datasets.
        aligned: whether all modalities have the steps of the words.
        text: `"features"` or `"ids"`.
        label: `"text"`, `"audio"` or `"vision"`, for the sentiment that annotators found in that
            modality alone; by default in all together.
        strict: refuse split sizes other than those above.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the file is not found; it tells its name.
        ValueError: for a file that holds something else, with the sample and the field.

    Example:

    >>> train = kerasfuse.datasets.load("sims", data_dir="unaligned_39.pkl", label="vision")
    """
    return load_pickled(
        Sims, split, data_dir, aligned=aligned, text=text, label=label, strict=strict
    )


class Sims(SentimentBuilder):
    """CH-SIMS: sentiment of clips from text, audio and vision."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = "MMSA's unaligned_39.pkl does (github.com/thuiar/MMSA)."
    FILES = {False: ("unaligned_39.pkl",), True: ("aligned_39.pkl",)}
    SIZES = dict.fromkeys((False, True), {"train": 1368, "validation": 456, "test": 457})
    WIDTHS = {"text": (768,), "audio": (33,), "vision": (709,)}
    LABEL_RANGE = (-1, 1)
