"""Commands that look into what was trained."""

import pathlib
from typing import Annotated

import typer

from kerasfuse.cli.analyse import run_analysis
from kerasfuse.cli.commands.app import app
from kerasfuse.cli.commands.options import AnyName, Data, DataDir, WeightsFile
from kerasfuse.cli.errors import say
from kerasfuse.report import report as write_report


@app.command(rich_help_panel="Results")
def analyse(
    name: AnyName,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    metric: Annotated[
        str | None, typer.Option(help="Metric of the entry, by default its score.")
    ] = None,
    data: Data = None,
    data_dir: DataDir = None,
    weights: WeightsFile = None,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn at random.")] = 0,
    figures: Annotated[
        pathlib.Path | None, typer.Option(help="Folder for pictures of the tables, .svg.")
    ] = None,
):
    """Measure how much a model depends on each modality, and how corrupted inputs change it."""
    run_analysis(name, split, metric, data_dir, weights or "default", seed, figures, data)


@app.command(rich_help_panel="Results")
def report(
    runs: Annotated[
        list[pathlib.Path],
        typer.Argument(
            help="Run folders that `kerasfuse train` wrote; the first is compared with."
        ),
    ],
    output: Annotated[pathlib.Path, typer.Option(help="The page.")] = pathlib.Path("report.html"),
    data_dir: DataDir = None,
):
    """Write everything that runs found into one HTML page, charts included."""
    path = write_report(runs, output, data_dir, progress=say)
    typer.echo(f"Written to {path}")
