"""What a model takes of a recording: which extractor makes each modality, and in what units."""

import dataclasses
import functools
import json
import pathlib

import numpy as np

from kerasfuse.nearest_names import choose
from kerasfuse.recordings.versions import EXTRACTORS
from kerasfuse.shown import shown

_KNOWN = {
    "word_vectors": ("words", ("extractor", "version", "encoder", "sha256", "layers")),
    "word_pieces": ("words", ("extractor", "version", "encoder", "sha256")),
    "word_timing": ("words", ("extractor", "version")),
    "log_mel": ("log_mel", ("extractor", "version")),
    "prosody": ("prosody", ("extractor", "version")),
    "face": ("face", ("extractor", "version")),
}
_SCALINGS = pathlib.Path(__file__).parent / "scalings"
BY_WORD = ("word_vectors", "word_pieces", "word_timing")


@dataclasses.dataclass(frozen=True)
class Features:
    """Say how the inputs of a model are made of a recording.

    Args:
        modalities: dict of modality to a dict of `extractor`, `version` and, of words,
            `encoder` and its `sha256`. `word_vectors` are of that encoder, averaged over its last
            `layers`; `word_pieces` are the ids of its tokens, for a model with the encoder in it.
        absent: modalities of the model that no recording has.
        scaling: name of the means and deviations by which the features were standardised in
            training; empty where the model does that itself, or nothing does.

    Example:

    >>> Features.of({"audio": {"extractor": "prosody", "version": "1"}}, {"audio": 5}).absent
    ()
    """

    modalities: dict[str, dict]
    absent: tuple[str, ...] = ()
    scaling: str = ""

    @classmethod
    def of(cls, table, wanted):
        """Read the section `[features]` of an entry.

        Args:
            table: dict of each modality to its table, beside `absent` and `scaling`.
            wanted: names of the modalities that the model takes.

        Raises:
            ValueError: for unknown extractors, keys and scalings, and for modalities of which
                nothing is said. Versions that this installation lacks are no error: the model can
                be scored on features that are there. See `check_versions`.
        """
        made = {name: x for name, x in table.items() if name not in ("absent", "scaling")}
        absent, scaling = table.get("absent", []), table.get("scaling", "")
        if not isinstance(absent, list) or not made or {*made, *absent} != set(wanted):
            raise ValueError(
                "expected [features] to say of each modality of the model, "
                f"{', '.join(wanted)}, what makes it, or that it is absent. Received: "
                f"{', '.join(map(str, made)) or 'none'}, absent={shown(absent)}."
            )
        for name, one in made.items():
            if not isinstance(one, dict) or "extractor" not in one:
                raise ValueError(
                    f"expected features.{name} to name an extractor. Received: {shown(one)}."
                )
            _, keys = _KNOWN[choose("extractor", one["extractor"], tuple(_KNOWN))]
            if set(one) != set(keys):
                raise ValueError(
                    f"expected features.{name} to have {', '.join(keys)}. "
                    f"Received: {', '.join(one)}."
                )
        if scaling:
            choose("scaling", scaling, tuple(path.stem for path in _SCALINGS.glob("*.json")))
        return cls(made, tuple(absent), scaling)

    def check_versions(self):
        """Refuse to make features by other versions of the extractors than training had.

        Raises:
            ValueError: for versions that this installation does not have.
        """
        for one in self.modalities.values():
            family, _ = _KNOWN[one["extractor"]]
            if one["version"] != EXTRACTORS[family]:
                raise ValueError(
                    f"expected version {EXTRACTORS[family]!r} of {one['extractor']}, which this "
                    f"installation has. Received: version={shown(one['version'])}. Install the "
                    "version of kerasfuse that the model was made with, or train it anew."
                )

    def scaled(self, name, x):
        """Standardise the steps of a modality as in training; steps of zeros stay zeros."""
        moments = _moments(self.scaling).get(name) if self.scaling else None
        if moments is None:
            return x.astype("float32")
        mean, deviation = moments
        missing = ~x.any(axis=1, keepdims=True)
        return np.where(missing, 0, (x - mean) / deviation).astype("float32")


@functools.cache
def _moments(name):
    stored = json.loads((_SCALINGS / f"{name}.json").read_text(encoding="utf-8"))
    return {
        modality: (np.array(one["mean"]), np.array(one["deviation"]))
        for modality, one in stored["modalities"].items()
    }
