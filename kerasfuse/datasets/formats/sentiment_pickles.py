"""Find the files of a sentiment data set, see which layout they have, and read their samples."""

import functools
import io

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.formats import csd, mmsa_pickle, mult_pickle
from kerasfuse.datasets.formats.pickles import contents
from kerasfuse.datasets.formats.restricted_pickle import read_pickle
from kerasfuse.nearest_names import close_to
from kerasfuse.shown import shortened, shown

# Of an emotion, from none to a strong one. Old files go beyond 3.
_STRENGTHS = (0, 3)
_LAYOUTS = {
    "mult": (mult_pickle.is_mult, mult_pickle.splits),
    "mmsa": (mmsa_pickle.is_mmsa, mmsa_pickle.splits),
}


def load_pickled(
    builder_class,
    split,
    data_dir,
    *,
    aligned,
    strict,
    text="features",
    label=None,
    emotions=False,
):
    """Make the arguments of `Batches` from a MulT or MMSA pickle of a data set.

    Args:
        builder_class: subclass of `SentimentBuilder`.
        split, data_dir: see `kerasfuse.datasets.load`; `data_dir` may also be the file itself.
        aligned: whether all modalities have the steps of the words.
        strict: refuse split sizes other than the known ones.
        text: `"features"`, or `"ids"` for the token ids of MMSA's files.
        label: a modality, for the label that was given to it alone; `None` for all together.
        emotions: whether labels are six emotions, 1 where one is present, in place of sentiment.

    Raises:
        FileNotFoundError: when no file is found.
        ValueError: for files that hold something else.
    """
    if text not in ("features", "ids"):
        raise ValueError(f'expected text="features" or "ids". Received: text={text!r}')
    files, missing = _find(builder_class, data_dir, aligned, emotions)
    folder, facts = conversion.prepared(
        builder_class,
        files,
        lambda bars: _read(builder_class, files, bars, emotions),
        # A file that is named and of the other kind is told below.
        lambda facts: (
            facts["facts"].get("emotions", False) == emotions
            and (bool(files) or facts["facts"]["aligned"] == aligned)
        ),
        data_dir=data_dir,
        missing=missing,
        strict=strict,
    )
    where = f"{str(files[0])!r}" if files else f"the records in {str(folder)!r}"
    if facts["facts"]["aligned"] != aligned:
        kind = "aligned" if facts["facts"]["aligned"] else "unaligned"
        raise ValueError(
            f"expected {'aligned' if aligned else 'unaligned'} sequences. Received: {where}, which "
            f"holds {kind} ones: the steps are {facts['facts']['steps']}. Name another file, or "
            f"say aligned={not aligned}."
        )
    if text == "ids" and "text_ids" not in facts["fields"]:
        raise ValueError(
            f'expected token ids for text="ids". Received: {where}, which has none (text_bert in '
            'the files of MMSA). Pass text="features".'
        )
    if text == "features" and "text" not in facts["fields"]:
        raise ValueError(
            f'expected text features. Received: {where}, which has only token ids. Pass text="ids".'
        )
    chosen = "text" if text == "features" else "text_ids"
    records = Records(folder, split, {"text": chosen, "audio": "audio", "vision": "vision"})
    labels = _labels(records.labels, facts["facts"]["labels"], label, where)
    if emotions:
        labels = (labels > 0).astype("float32")
    return records.arguments() | {"labels": labels}


class SentimentBuilder(Builder, skip_registration=True):
    """A data set that circulates as a pickle, or as sequences of the CMU multimodal SDK.

    Attributes:
        FILES: dict of `aligned` to the names under which its files circulate.
        SIZES: dict of `aligned` to a dict of split to number of samples.
        WIDTHS: dict of modality to the widths that are known of it.
        LABEL_SHAPE: `()` for a number, `(4, 2)` for pairs of 0 and 1.
        LABEL_RANGE: `(lowest, highest)`.
        IN_SEQUENCES: whether it is read from `.csd` files too.
    """

    LABEL_SHAPE = ()
    IN_SEQUENCES = False

    @staticmethod
    def split_of(files, videos):
        """Give the split of each video of `.csd` files, from the lists beside them."""
        return csd.folds_of(files, videos)


def _find(builder_class, data_dir, aligned, emotions):
    """Give `(files, what is missing where there are none)`."""
    folder = source_files.folder(data_dir)
    in_sequences = builder_class.IN_SEQUENCES
    if folder.is_file() and folder.suffix == ".csd":
        if not in_sequences:
            raise ValueError(
                f"expected a pickle of {builder_class.name}, as {builder_class.name} is not read "
                f"from .csd files. Received: {str(folder)!r}. "
                f"{builder_class.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        folder = folder.parent
    elif folder.is_file():
        return [folder], ""
    files = {file.name.lower(): file for file in _shallow(folder, builder_class.name)}
    fits = [files[name] for name in builder_class.FILES[aligned] if name in files]
    if len(fits) > 1:
        raise ValueError(
            f"expected one file of {builder_class.name}. Received: {', '.join(map(str, fits))}. "
            "Name the one that is meant in data_dir=..."
        )
    if in_sequences and (emotions or not fits) and (sequences := sorted(folder.glob("*.csd"))):
        # The lists of videos too: other lists, other splits.
        lists = [*folder.glob("folds.json"), *folder.glob("*_std_folds.py")]
        return [*sequences, *sorted(lists)], ""
    if not fits and data_dir and len(files) == 1:  # under a name of the user's own
        known = {name for names in builder_class.FILES.values() for name in names}
        fits = [file for name, file in files.items() if name not in known]
    if emotions:
        return fits, "CMU_MOSEI_LabelsEmotions.csd and the other .csd files"
    missing = " and ".join(builder_class.FILES[aligned])
    if close := close_to(builder_class.FILES[aligned][0], files):
        missing += f" (is it {files[close[0]]}?)"
    return fits, missing


def _shallow(folder, name):
    # MMSA's archives have MOSI/Processed/unaligned_50.pkl.
    for path in (folder, folder / name, folder / name.upper()):
        for inner in (path, path / "Processed"):
            if inner.is_dir():
                yield from sorted(inner.glob("*.pkl"))


def _read(builder_class, files, bars, emotions):
    if emotions and files[0].suffix != ".csd":
        raise ValueError(
            "expected the .csd files of the CMU multimodal SDK, CMU_MOSEI_LabelsEmotions.csd or "
            f'CMU_MOSEI_Labels.csd among them, for label="emotions". Received: {str(files[0])!r}, '
            "a pickle, whose labels are sentiment alone. Name the folder of the .csd files in "
            "data_dir=..."
        )
    if files[0].suffix == ".csd":
        sequences = [file for file in files if file.suffix == ".csd"]
        return csd.read(
            sequences,
            functools.partial(builder_class.split_of, sequences),
            _STRENGTHS if emotions else builder_class.LABEL_RANGE,
            builder_class.SIZES.get(False),
            emotions,
        )
    (file,) = files
    with bars.open(file, "rb", description=f"reading {file.name}") as opened:
        tree = read_pickle(file, io.BufferedReader(opened, 2**20))
    layouts = [name for name, (fits, _) in _LAYOUTS.items() if fits(tree)]
    if not layouts:
        raise ValueError(
            "expected train, valid and test, each with text, audio, vision and labels (MulT) or "
            f"regression_labels (MMSA). Received: {str(file)!r} with {_described(tree)}. Name "
            "another file, or read your own arrays with kerasfuse.datasets.Batches."
        )
    try:
        splits = _LAYOUTS[layouts[0]][1](tree)
    except ValueError as error:
        raise ValueError(f"{error}, in {str(file)!r}") from error
    del tree
    fields = _fields(builder_class, splits["train"], file)
    labels = [name for name in splits["train"] if name.startswith("label")]
    for split, part in splits.items():
        if set(part) != set(splits["train"]):
            other = ", ".join(sorted(set(part) ^ set(splits["train"])))
            raise ValueError(
                f"expected the same fields in each split. Received: {str(file)!r}, in which train "
                f"and {split} differ in {other}. Get the file again, or add the fields."
            )
        _check_counts(part, f"{str(file)!r}, {split}")
    # All modalities have the steps of the words, or they have their own.
    sequences = {**splits["train"]}
    sequences.setdefault("text", sequences.get("text_ids"))
    steps = {name: _num_steps(sequences[name]) for name in mult_pickle.MODALITIES}
    aligned = len({count for count in steps.values()}) == 1
    # Token ids have the steps of the text features.
    shared = [n for n in fields if aligned and _num_steps(sequences[n]) == steps["text"]]
    return Source(
        config=f"{layouts[0]}_{'aligned' if aligned else 'unaligned'}",
        fields=fields,
        splits={
            split: (len(part["label"]), _Reader(part, fields, labels, f"{file}, {split}", split))
            for split, part in splits.items()
        },
        label_shape=builder_class.LABEL_SHAPE if len(labels) == 1 else (len(labels),),
        label_range=builder_class.LABEL_RANGE,
        known_sizes=builder_class.SIZES.get(aligned),
        texts=("words",) if "words" in splits["train"] else (),
        notes=_unknown_widths(builder_class, fields),
        facts={"aligned": aligned, "labels": labels, "steps": steps},
        aligned=tuple(shared),
    )


class _Reader:
    """Give the sample at a position of one split."""

    def __init__(self, part, fields, labels, place, split):
        self._part, self._fields, self._labels = part, fields, labels
        self._place, self._split = place, split

    def __call__(self, i):
        part = self._part
        features = {name: part[name][i] for name in self._fields}
        if "text_mask" in part and "text" in features:
            features["text"] = _masked(features["text"], part["text_mask"][i])
        labels = [part[name][i] for name in self._labels]
        if len(labels) > 1:
            labels = [self._number(name, x) for name, x in zip(self._labels, labels, strict=True)]
        return Sample(
            id=part["id"][i] if part["id"] else f"{self._split}/{i}",
            features=features,
            label=labels[0] if len(labels) == 1 else np.array(labels),
            place=f"{self._place}[{i}]",
            texts={"words": part["words"][i]} if "words" in part else {},
        )

    def _number(self, name, value):
        value = contents.array(value, name)
        if value.size != 1:
            raise ValueError(
                f"expected {name!r} to hold one number a sample. Received: {shown(value)} in "
                f"{self._place}"
            )
        return value.reshape(())


def _masked(text, mask):
    text = contents.array(text, "text")
    if text.ndim != 2 or len(text) != len(mask) or text.dtype.kind != "f":
        return text
    return np.where(mask[:, None], text, 0)


def _fields(builder_class, part, file):
    widths = {}
    for name in mult_pickle.MODALITIES:
        if name not in part:
            continue
        array = part[name]
        first = contents.array(array[0], name) if len(array) else np.zeros((0, 1))
        if first.ndim != 2 or not first.shape[1]:
            raise ValueError(
                f"expected {name!r} to be of shape (samples, steps, width). Received: "
                f"{str(file)!r} with samples of shape {first.shape}"
            )
        widths[name] = first.shape[1]
    known = builder_class.WIDTHS
    swapped = [
        (name, other)
        for name, width in widths.items()
        for other in known
        if other != name and width in known[other] and width not in known[name]
    ]
    if swapped:
        found = ", ".join(f"{name} {width}" for name, width in widths.items())
        wanted = ", ".join(f"{n} {' or '.join(map(str, w))}" for n, w in known.items())
        hints = "; ".join(f"{name!r} has the width of {other!r}" for name, other in swapped)
        raise ValueError(
            f"expected the widths of {builder_class.name}: {wanted}. Received: {str(file)!r} with "
            f"{found}; {hints}. The modalities are swapped: put each under its own name."
        )
    fields = {name: Field((None, width)) for name, width in widths.items()}
    if "text_ids" in part:
        fields["text_ids"] = Field((None,), "int32")
    return fields


def _unknown_widths(builder_class, fields):
    return [
        f"The known widths of {name} are {' or '.join(map(str, known))}; these files have "
        f"{fields[name].shape[1]}."
        for name, known in builder_class.WIDTHS.items()
        if name in fields and fields[name].shape[1] not in known
    ]


def _check_counts(part, place):
    counts = {name: len(x) for name, x in part.items() if x is not None}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"expected as many samples in each field of {place}. Received: {counts}. Get the file "
            "again."
        )


def _num_steps(samples):
    return len(samples[0]) if len(samples) else 0


def _labels(labels, names, wanted, where):
    if wanted is not None and f"label_{wanted}" not in names:
        raise ValueError(
            f"expected a label of each modality for label={wanted!r}. Received: {where} with "
            f"{', '.join(names)}"
        )
    if len(names) == 1:
        return labels
    return labels[:, names.index("label" if wanted is None else f"label_{wanted}")]


def _described(tree):
    if not isinstance(tree, dict):
        return type(tree).__name__
    first = next(iter(tree.values()), None)
    inner = f", {_keys(tree, 1)} with {_keys(first)}" if isinstance(first, dict) else ""
    return shortened(_keys(tree, 8) + inner)


def _keys(tree, most=20):
    keys = list(tree)[:most]
    return ", ".join(key if isinstance(key, str) else shown(key) for key in keys)
