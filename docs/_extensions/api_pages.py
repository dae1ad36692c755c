"""Write the pages of the API reference: one a package, and one a family of layers."""

import importlib
import inspect
import pkgutil

import kerasfuse
from kerasfuse.datasets import registry

TITLES = {
    "kerasfuse.datasets": "Data sets",
    "kerasfuse.hub": "Models from elsewhere",
    "kerasfuse.ops": "Operations",
    "kerasfuse.training.callbacks": "Callbacks",
    "kerasfuse.zoo": "The zoo",
}


def write(folder):
    """Write all pages into a folder, in place of what it holds."""
    folder.mkdir(exist_ok=True)
    pages = dict(page for package in public_packages() for page in pages_of(package))
    pages["index"] = index(pages)
    for old in set(folder.glob("*.rst")) - {folder / f"{name}.rst" for name in pages}:
        old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        # Sphinx reads again what is newer than its last build.
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public_packages():
    """Return the packages with an `__all__`, but those of the command line, which has a guide."""
    found = []
    for module in pkgutil.walk_packages(kerasfuse.__path__, "kerasfuse."):
        if module.ispkg and not module.name.startswith("kerasfuse.cli"):
            package = importlib.import_module(module.name)
            if getattr(package, "__all__", None):
                found.append(package)
    return found


def pages_of(package):
    """Yield name and text of the pages of a package."""
    name = package.__name__.removeprefix("kerasfuse.")
    title = TITLES.get(package.__name__, name.capitalize())
    things = {thing: getattr(package, thing) for thing in package.__all__}
    families = {thing: family(package, value) for thing, value in things.items()}
    if not any(families.values()):
        text = page(title, package, things)
        if package.__name__ == "kerasfuse.datasets":
            text += data_sets()
        yield name, text
        return
    for folder in sorted(set(families.values())):
        members = {thing: things[thing] for thing, its in families.items() if its == folder}
        package_of = importlib.import_module(f"{package.__name__}.{folder}")
        yield (
            f"{name}.{folder}",
            page(f"{title}: {folder.replace('_', ' ')}", package, members, package_of.__doc__),
        )


def family(package, value):
    """Return the folder of a package that the file of one of its layers lies in."""
    if package.__name__ != "kerasfuse.layers":
        return ""
    return value.__module__.removeprefix("kerasfuse.layers.").split(".")[0]


def page(title, package, things, about=None):
    """Return the text of a page about some names of a package."""
    lines = [title, "=" * len(title), "", (about or package.__doc__).strip(), ""]
    lines += [f".. currentmodule:: {package.__name__}", ""]
    described = [thing for thing, value in things.items() if not inspect.ismodule(value)]
    if len(described) > 1:
        lines += [".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {thing}" for thing in described] + [""]
    for thing in described:
        lines += [f".. {directive(things[thing])}:: {thing}", ""]
        if inspect.isclass(things[thing]):
            lines[-1:] = ["   :members:", ""]
    return "\n".join(lines)


def directive(value):
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if callable(value) else "autodata"


def data_sets():
    """Return a section about what each data set can be asked for."""
    title = "The data sets"
    lines = ["", title, "-" * len(title), ""]
    lines += ["``load`` and ``convert`` take the keyword arguments of the function of a name.", ""]
    for function in map(registry._DATASETS.get, registry.names()):
        lines += [f".. autofunction:: {function.__module__}.{function.__name__}", ""]
    return "\n".join(lines)


def index(pages):
    lines = ["API reference", "=============", ""]
    lines += ["Every public name of ``kerasfuse``, by package.", ""]
    lines += [".. list-table::", ""]
    for name in sorted(pages):
        title, _, _, about, *_ = pages[name].splitlines()
        lines += [f"   * - :doc:`{title} <{name}>`", f"     - {about}"]
    lines += ["", ".. toctree::", "   :hidden:", ""] + [f"   {name}" for name in sorted(pages)]
    return "\n".join([*lines, ""])
