"""What an entry says of its weights: what made them, their terms, their file."""

import dataclasses
import re

from kerasfuse.deprecation import current_names
from kerasfuse.shown import shown

# Former key of [weights] -> today's.
RENAMED = {"licence": "license"}
KINDS = ("none", "simulated", "real")
# Words of a license that are not compatible with commercial use.
_FORBIDDEN = re.compile(r"\bNC\b|non-?commercial|research|ask the data's owners", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Weights:
    """Say what weights an entry has and what terms they carry.

    Args:
        trained_on: the data that made them, in words.
        license: the terms of that data, which are the terms of the weights, whatever those of the
            code.
        commercial: whether these terms allow commercial use.
        made_by: the command that makes them.
        file: file name beside the toml file; empty while there are none.
        sha256: checksum of that file.
        seed: the run that they come from, the best of all seeds on validation.
        size: bytes of the file, which a download must have; `None` where nobody said.
    """

    trained_on: str
    license: str
    commercial: bool
    made_by: str
    file: str = ""
    sha256: str = ""
    seed: int | None = None
    size: int | None = None

    @property
    def licence(self):
        """The former name of `license`."""
        return current_names({"licence": self.license}, RENAMED, "Weights")["license"]

    def __post_init__(self):
        for field in ("trained_on", "license", "made_by"):
            if not getattr(self, field).strip():
                raise ValueError(f"expected weights.{field} to say something. Received: ''.")
        if type(self.commercial) is not bool:
            raise ValueError(
                "expected weights.commercial to be true or false. "
                f"Received: commercial={shown(self.commercial)}."
            )
        found = _FORBIDDEN.search(self.license)
        if self.commercial and found:
            raise ValueError(
                f"expected commercial = false under terms with the words {shown(found[0])}. "
                f"Received: commercial=true, license={shown(self.license)}."
            )
        if self.size is not None and (type(self.size) is not int or self.size < 1):
            raise ValueError(
                "expected weights.size to be a number of bytes from 1. "
                f"Received: size={shown(self.size)}."
            )
        if self.file and not self.file.endswith(".weights.h5"):
            raise ValueError(
                f"expected weights.file to end in .weights.h5. Received: file={shown(self.file)}."
            )
        if self.file and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(
                "expected weights.sha256, the checksum of weights.file, as 64 hexadecimal digits. "
                f"Received: sha256={shown(self.sha256)}."
            )
