"""Packages of an extra, imported where they are used."""

import importlib


def require(module, needed_for, extra, package=None):
    """Import a module of an optional package.

    Args:
        module: name of the module, such as `"pyarrow.parquet"`.
        needed_for: what it is for, for the message.
        extra: the extra of kerasfuse-zoo that installs it.
        package: name of the package, where it is not that of the module.

    Returns:
        The module.

    Raises:
        ImportError: where the package is missing, and where it is installed but fails to import,
            with the cause: something that it needs may be missing.

    Example:

    >>> require("json", "this example", "data").dumps([1])
    '[1]'
    """
    top = module.partition(".")[0]
    package = package or top
    try:
        importlib.import_module(top)  # a part may be imported already where the whole is not
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library is missing
        if isinstance(error, ModuleNotFoundError) and error.name == top:
            received = "an installation without it"
            remedy = "Install it"
        else:
            received = f"an installed one that fails to import ({type(error).__name__}: {error})"
            remedy = "Install what it lacks, or install it again"
        raise ImportError(
            f"expected the package {package}, for {needed_for}. Received: {received}. {remedy}: "
            f"pip install 'kerasfuse-zoo[{extra}]'"
        ) from error
