"""CMU-MOSI: opinions on video, by utterance and word, of MulT, MMSA or the SDK."""

from kerasfuse.datasets.formats.sentiment_pickles import SentimentBuilder, load_pickled
from kerasfuse.datasets.registry import register


@register
def mosi(split, data_dir=None, *, aligned=False, text="features", strict=False):
    """Load CMU-MOSI (Zadeh et al., 2016): sentiment in [-3, 3] of 2199 utterances.

    Which layout the file has is found out from what it holds. MulT's has GloVe vectors (300), 5
    COVAREP and 20 Facet features a step; MMSA's has BERT features (768) and token ids in their
    place. Unaligned there are up to 50, 375 and 500 steps, aligned 50 of each. In place of a pickle
    there may be the `.csd` files of the CMU multimodal SDK, one each of labels, word vectors, audio
    and vision: a step belongs to the utterance in which its middle lies. 1284 utterances are
    for training, 229 for validation and 686 for testing.

    On the first load the file is converted into records, and what was found in it is told: values
    that were not finite and became 0, labels that were clipped, padding, duplicates.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the file, or the folder with it or with the `.csd` files; the environment variable
            KERASFUSE_DATA by default, then the manual folder of TensorFlow Datasets.
        aligned: whether all modalities have the steps of the words.
        text: `"features"`, or `"ids"` for the token ids of MMSA's file.
        strict: refuse split sizes other than those above.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the file is not found; it tells its name.
        ValueError: for a file that holds something else, with the sample and the field.

    Example:

    >>> train = kerasfuse.datasets.load("mosi", data_dir="mosi_data_noalign.pkl")
    """
    return load_pickled(Mosi, split, data_dir, aligned=aligned, text=text, strict=strict)


class Mosi(SentimentBuilder):
    """CMU-MOSI: sentiment of utterances from text, audio and vision."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "MulT's mosi_data_noalign.pkl (github.com/yaohungt/Multimodal-Transformer) and MMSA's "
        "unaligned_50.pkl (github.com/thuiar/MMSA) both do."
    )
    FILES = {
        False: ("mosi_data_noalign.pkl", "unaligned_50.pkl"),
        True: ("mosi_data.pkl", "aligned_50.pkl"),
    }
    SIZES = dict.fromkeys((False, True), {"train": 1284, "validation": 229, "test": 686})
    WIDTHS = {"text": (300, 768), "audio": (5,), "vision": (20,)}
    LABEL_RANGE = (-3, 3)
    IN_SEQUENCES = True

    @staticmethod
    def split_of(files, videos):
        """Give the split of each video: the standard one is by the order of their names."""
        return {
            video: "train" if video < "WKA5" else "validation" if video < "c7UH" else "test"
            for video in videos
        }
