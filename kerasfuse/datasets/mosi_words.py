"""CMU-MOSI word by word: contextual vectors, how the words were said, and utterance audio."""

import functools
import itertools
import pathlib
import re

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.formats import mosi_words_files
from kerasfuse.datasets.mosi import Mosi
from kerasfuse.datasets.registry import register
from kerasfuse.kinds import check_path
from kerasfuse.nearest_names import choose
from kerasfuse.text import TextEncoder
from kerasfuse.text.word_timing import TIMING

MODALITIES = ("text", "timing", "audio")
# Sequences of words, which share their steps; audio has a step an utterance.
_BY_WORD = ("text", "timing")
# Standard deviations beyond which audio is taken for this many: it has values at 151 of them.
_FARTHEST = 5.0


@register
def mosi_words(
    split,
    data_dir=None,
    *,
    encoder="all-MiniLM-L6-v2",
    encoder_sha256=None,
    layers=4,
    text="vectors",
    modalities=None,
    absent=(),
    context=0,
    label="value",
    standardize=True,
):
    """Load CMU-MOSI (Zadeh et al., 2016) from its words, on the papers' own split.

    The words of all 93 videos with their times, and the labelled segments, are two `.csd` files of
    the CMU multimodal SDK. An utterance has

    - `text`: a vector a word, by a pretrained encoder that never saw a label;
    - `timing`: five numbers a word that its times tell (`kerasfuse.text.word_timing`), on the steps
      of the words;
    - `audio`: the 73 numbers of an utterance's sound in the files of bc-LSTM (Poria et al., ACL
      2017), one step, where these files are there and have the utterance. Their text and video
      features were learnt with the labels of what are test videos here, and are not read.

    The split is the standard one by videos: 1284 utterances for training, 229 for validation and
    686 for testing. A word belongs to the segment in which its middle lies. The file of words is
    off by one place, which the conversion finds out by the lengths of the words, and mends.

    Two utterances of the training split have no word, and are left out where audio is, too.

    With `context=n` the words of the n utterances before come first, in order of time, and so does
    their audio. Their `position` in `timing` is lower by 1 for each utterance back, so that a model
    sees where the utterance to judge begins: at 0.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder with the `.csd` files, or with a folder `mosi` that holds them; the
            environment variable KERASFUSE_DATA by default, then the manual folder of TensorFlow
            Datasets.
        encoder: see `kerasfuse.text.TextEncoder`. It is needed for the conversion alone.
        layers: how many of the encoder's last layers are averaged. On the training and validation
            videos together, cross-validated ridge regression on averages had a lower error with 4
            (0.919) than with 1 (0.935).
        text: `"vectors"`, or `"ids"` for the ids of the encoder's pieces of words, which models
            with an encoder of their own take. Timing then has the steps of the pieces.
        encoder_sha256: refuse an encoder, and records of one, whose sha256 is another.
        modalities: list of some of `"text"`, `"timing"` and `"audio"`; all by default.
        absent: list of those of them that no utterance has: models keep their inputs, which are
            zeros. What a fused model is on text alone is measured so.
        context: utterances of the same video before the one to judge.
        label: `"value"`, the mean of the annotators in [-3, 3], or `"class"`, 1 where that is not
            negative, else 0.
        standardize: centre and scale each feature by its mean and standard deviation over the steps
            of the training utterances, and cut audio off at 5 standard deviations.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when a file of words or of labels is not found, or the encoder.
        ImportError: for the conversion without keras-hub.
        ValueError: for files or an encoder that do not fit, and for unknown options.

    Example:

    >>> train = kerasfuse.datasets.load("mosi_words", split="train")  # doctest: +SKIP
    >>> train.modalities  # doctest: +SKIP
    {'text': 384, 'timing': 5, 'audio': 73}
    """
    choose("label", label, ("value", "class"))
    as_ids = choose("text", text, ("vectors", "ids")) == "ids"
    if not isinstance(context, int) or isinstance(context, bool) or context < 0:
        raise ValueError(
            f"expected context to be a number of utterances, 0 or more. Received: {context!r}"
        )
    chosen = _chosen("modalities", MODALITIES if modalities is None else modalities)
    present = tuple(name for name in chosen if name not in _chosen("absent", absent, least=0))
    if as_ids and (context or absent):
        raise ValueError(
            "expected text='ids' without context, and with modalities=... in place of absent=.... "
            f"Received: context={context}, absent={absent!r}"
        )
    if context and "timing" not in present:
        raise ValueError(
            "expected 'timing' among the modalities for context, as its positions tell where the "
            f"utterance to judge begins. Received: modalities={list(chosen)}"
        )
    stored, facts = _prepared(data_dir, encoder, layers, as_ids, encoder_sha256)
    records = Records(stored, split)
    widths = {name: records.modalities[name] for name in chosen}
    records.choose(present)
    if standardize:
        train = records if split == "train" else Records(stored, "train")
        numbers = [name for name in present if widths[name] is not None]
        for name, moments in train.moments(numbers).items():
            records.standardize({name: moments}, _FARTHEST if name == "audio" else np.inf)
    records.keep(np.any([records.lengths[name] > 0 for name in present], axis=0).nonzero()[0])
    values, of_encoder = records.labels, facts["facts"]
    return {
        "inputs": records if as_ids else dict.fromkeys(chosen) | _in_context(records, context),
        "modalities": None if as_ids else widths,
        "labels": values if label == "value" else (values >= 0).astype("float32"),
        "label_range": (-3, 3) if label == "value" else (0, 1),
        "ids": records.ids,
        "aligned": () if as_ids else tuple(name for name in _BY_WORD if name in present),
        # The vectors of an encoder differ in their last bits from machine to machine.
        "identity": repr(
            (
                *("mosi_words", str(MosiWords.VERSION), facts["sha256"]),
                *(of_encoder["sha256"], of_encoder["layers"], text),
                *(split, chosen, present, context, label, standardize),
            )
        ),
    }


class MosiWords(Builder):
    """CMU-MOSI by word: contextual vectors, timing, and audio of utterances."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The words and the labels are CMU_MOSI_ModifiedTimestampedWords.csd and "
        "CMU_MOSI_Opinion_Labels.csd of the CMU multimodal SDK "
        "(github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK); audio, which may be absent, is that of "
        "github.com/soujanyaporia/contextual-multimodal-fusion, its dataset/mosi folder as bclstm."
    )


def _chosen(argument, names, least=1):
    is_list = isinstance(names, list | tuple)
    if not is_list or len(names) < least or any(name not in MODALITIES for name in names):
        raise ValueError(
            f"expected {argument} to be a list of some of {list(MODALITIES)}. Received: "
            f"{argument}={names!r}"
        )
    return tuple(name for name in MODALITIES if name in names)


def _prepared(data_dir, encoder, layers, as_ids, sha256):
    check_path("encoder", encoder)
    folder = source_files.folder(data_dir)
    words, labels, audio = mosi_words_files.find(folder)
    missing = [
        name
        for name, file in (
            ("CMU_MOSI_ModifiedTimestampedWords.csd", words),
            ("CMU_MOSI_Opinion_Labels.csd", labels),
        )
        if file is None
    ]
    encoder = str(pathlib.Path(encoder).resolve()) if pathlib.Path(encoder).is_dir() else encoder
    stored, facts = conversion.prepared(
        MosiWords,
        [] if missing else [words, labels, *audio],
        lambda bars: _source(words, labels, audio, TextEncoder(encoder, layers), as_ids, sha256),
        lambda facts: _is_of(facts["facts"], encoder, layers, as_ids),
        data_dir=data_dir,
        missing=" and ".join(missing),
    )
    _check_encoder(encoder, facts["facts"]["sha256"], sha256)
    return stored, facts


def _source(words, labels, audio, encoder, as_ids, sha256):
    _check_encoder(encoder.preset, encoder.sha256, sha256)
    name = re.sub(r"\W+", "_", pathlib.Path(encoder.preset).name)
    what = "ids" if as_ids else f"vectors_{encoder.layers}"
    config = f"{what}_{name}_{encoder.sha256[:8]}"
    source = mosi_words_files.source(words, labels, audio, _split_of, encoder, config, as_ids)
    source.facts = {
        "encoder": encoder.preset,
        "layers": 0 if as_ids else encoder.layers,
        "sha256": encoder.sha256,
        "files": _files(encoder.preset),
    }
    return source


def _is_of(known, encoder, layers, as_ids):
    """Whether records are of an encoder: by its name, a folder by its files too."""
    same = known["encoder"] == encoder and known["layers"] == (0 if as_ids else layers)
    return same and known["files"] == _files(encoder)


def _files(encoder):
    folder = pathlib.Path(encoder)
    if not folder.is_dir():
        return ""
    return source_files.sha256(sorted(path for path in folder.rglob("*") if path.is_file()))


def _check_encoder(encoder, found, wanted):
    if wanted is not None and found != wanted:
        raise ValueError(
            f"expected a text encoder with the sha256 {wanted}. Received: {encoder!r}, whose "
            f"sha256 is {found}. Name in encoder=... the one that the weights were trained with, "
            "or train them anew."
        )


_split_of = functools.partial(Mosi.split_of, None)


def _in_context(records, context):
    """Give the arrays of each utterance, behind those of the utterances before it."""
    found = records.read(range(records.num_samples))
    joined = {name: [] for name in found}
    videos = [name.rpartition("[")[0] for name in records.ids]
    back = _one_utterance_back(records) if context else 0.0
    for _, group in itertools.groupby(range(len(videos)), key=videos.__getitem__):
        rows = list(group)
        for place in range(len(rows)):
            some = rows[max(0, place - context) : place + 1]
            for name, arrays in found.items():
                parts = [arrays[row] for row in some]
                if name == "timing":
                    parts = [x + (len(some) - 1 - i) * back for i, x in enumerate(parts)]
                whole = np.concatenate(parts)
                joined[name].append(whole if len(whole) else None)
    return joined


def _one_utterance_back(records):
    """Return what changes in the timing of a word when its utterance is one further back."""
    change = np.zeros(len(TIMING), "float32")
    deviation = records.deviation("timing")
    change[TIMING.index("position")] = -1 / deviation[TIMING.index("position")]
    return change
