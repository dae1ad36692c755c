"""The page: read the runs, ask every section, fill in the template."""

import html
import os
import pathlib
from collections.abc import Callable, Iterable

from kerasfuse import __version__, atomic
from kerasfuse.optional_packages import require
from kerasfuse.recipes.run import read_run
from kerasfuse.recipes.search.settings import is_search
from kerasfuse.report import parts
from kerasfuse.report.numbers import measured
from kerasfuse.report.reported_run import ReportedRun
from kerasfuse.report.sections import SECTIONS
from kerasfuse.report.sections.scores import named, spread


def report(
    run_dirs: Iterable[str | os.PathLike[str]],
    path: str | os.PathLike[str] = "report.html",
    data_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[str], object] | None = None,
) -> pathlib.Path:
    """Write one HTML page about one or several runs.

    The page is one file: no script, no font, picture or style from elsewhere; charts are inline
    SVG, in colours for light and dark. It shows scores with bootstrap intervals, and of several
    runs their paired differences from the first; learning curves; predictions over labels;
    robustness, contribution of each modality, attention, alignment, gate and modulation; costs; and
    where the numbers come from. What a run does not have is said in one line.

    Where the data are not at hand, what needs them is left out, and said.

    Args:
        run_dirs: run folders that `kerasfuse.recipes.train` wrote, one or more; the folder of a
            search stands for the runs of its best setting and of the default.
        path: the file to write, whole or not at all.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        progress: called with one line of text when something that takes time begins.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        FileNotFoundError: for a folder without a run, or without a finished seed.
        ValueError: for no folder, or the same one twice.
        OSError: when the page cannot be written.
        ImportError: jinja2 is missing.

    Example:

    >>> from kerasfuse.report import report
    >>> report(["runs/mult_mosi_utterance", "runs/mica_mosi_utterance"], "mosi.html")
    """
    jinja2 = require("jinja2", "`report`", "report")
    folders = [run for folder in run_dirs for run in _runs_in(pathlib.Path(folder))]
    if not folders or len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(
            f"expected one or more different run folders. Received: {[str(f) for f in folders]}"
        )
    path = pathlib.Path(path)
    atomic.check_file(path)
    runs = [read_run(None, folder) for folder in folders]
    labels = _labels(runs)
    reported_runs = [
        ReportedRun(run, label, data_dir, progress) for run, label in zip(runs, labels, strict=True)
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["svg"] = _svg
    sections = []
    for make in SECTIONS:
        section = make(reported_runs)
        sections.append((section, _blocks(section.parts)))
    page = environment.get_template("template.html.j2").render(
        title=_title(runs, labels),
        reported_runs=reported_runs,
        sections=sections,
        facts=[_facts(reported_run) for reported_run in reported_runs],
        style=pathlib.Path(__file__).with_name("style.css").read_text(encoding="utf-8"),
        version=__version__,
    )
    with atomic.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _runs_in(folder):
    if not is_search(folder):
        return [folder]
    return [folder / label for label in ("tuned", "default")]


def _labels(runs):
    """Name runs by their entries, those of one entry by their folders."""
    names = [run.entry.name for run in runs]
    labels = [
        name if names.count(name) == 1 else run.folder.resolve().name
        for name, run in zip(names, runs, strict=True)
    ]
    return [
        label if labels.count(label) == 1 else f"{label} ({i})"
        for i, label in enumerate(labels, start=1)
    ]


def _title(runs, labels):
    names = {run.entry.name for run in runs}
    if len(runs) == 1:
        return labels[0]
    if len(names) == 1:
        return f"{len(runs)} runs of {names.pop()}"
    return ", ".join(labels) if len(labels) < 4 else f"{len(labels)} runs"


def _facts(reported_run):
    """Give what the head of the page says of a run."""
    run, metric = reported_run.run, reported_run.score
    numbers = run.table("test")[metric]
    return {
        "label": reported_run.label,
        "title": reported_run.entry.title,
        "metric": named(metric),
        "score": spread(metric, numbers),
        "constant": measured(metric, numbers.get("baseline")),
        "seeds": len(run.seeds),
        "parameters": f"{run.first['parameters']:,}",
        "data": reported_run.entry.data_name,
        "simulated": reported_run.entry.simulated,
    }


def _blocks(found):
    """Put neighbours of one kind into one block, and a table beside a lone chart or table."""
    blocks = []
    for part in found:
        kind = _kind(part)
        if blocks and blocks[-1][0] == kind and kind in ("charts", "folded", "folded charts"):
            blocks[-1][1].append(part)
        else:
            blocks.append((kind, [part]))
    joined = []
    for kind, members in blocks:
        pair = [joined[-1][0], kind] if joined else []
        alone = len(members) == 1 and joined and len(joined[-1][1]) == 1
        if alone and sorted(pair) in (["charts", "table"], ["table", "table"]):
            joined[-1] = ("beside", [*joined[-1][1], *members])
        else:
            joined.append((kind, members))
    return joined


def _kind(part):
    if isinstance(part, parts.Chart):
        return "folded charts" if part.folded else "charts"
    if isinstance(part, parts.Table):
        return "folded" if part.folded else "table"
    return "text" if isinstance(part, parts.Text) else "heading"


def _svg(chart, name):
    """Fill in what a chart says to those who do not see it."""
    svg = chart.svg.replace("{id}", name)
    svg = svg.replace("{title}", html.escape(chart.title))
    return svg.replace("{desc}", html.escape(chart.description))
