"""What a reader found in the files of a data set."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Field:
    """The shape of one modality in one sample.

    Attributes:
        shape: `(None, width)` for a sequence, `(None,)` for integer ids where 0 is padding, and
            whole, such as `(28, 28, 1)`, for an image.
        dtype: what is stored.
    """

    shape: tuple
    dtype: str = "float32"

    @property
    def is_sequence(self):
        return self.shape[0] is None


@dataclasses.dataclass
class Sample:
    """One sample as the files have it, before anything is checked or cut.

    Attributes:
        id: name of the sample, unique in its split.
        features: dict of field name to an array, or `None` where the sample lacks it.
        label: number or array.
        place: where the sample stands, for messages: file and position.
        texts: dict of name to a string that is kept beside, such as the words.
        notes: dict of what the report says of some samples to the details of this one.
    """

    id: str
    features: dict
    label: np.ndarray
    place: str
    texts: dict = dataclasses.field(default_factory=dict)
    notes: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Source:
    """Samples of all splits, read one at a time, and what is known about them.

    Attributes:
        config: name of the packaging, such as `mult_unaligned`.
        fields: dict of name to `Field`, the same for all samples.
        splits: dict of split to `(number of samples, function of position -> Sample)`.
        label_shape: shape of the label of one sample; `()` for a number.
        label_range: `(lowest, highest)` label, or `None`.
        known_sizes: dict of split to the number of samples of the original, or `None`.
        texts: names of the texts that samples have.
        trusted: whether values that are not finite are cleaned and labels clipped, and empty
            samples left out, all of it counted, in place of being refused.
        notes: sentences for the report.
        aligned: names of the fields that share their steps; their padding is cut together.
        facts: what `load` has to know of the packaging, as values that JSON can hold.
        unreadable: where samples have files of their own, `"stop"` or `"skip"`: what to do at one
            whose file cannot be used.
        leaves_out_empty: whether samples without features are left out and listed, though nothing
            else is cleaned.
    """

    config: str
    fields: dict
    splits: dict
    label_shape: tuple = ()
    label_range: tuple | None = None
    known_sizes: dict | None = None
    texts: tuple = ()
    trusted: bool = True
    notes: list = dataclasses.field(default_factory=list)
    facts: dict = dataclasses.field(default_factory=dict)
    aligned: tuple = ()
    unreadable: str | None = None
    leaves_out_empty: bool = False
