"""Commands that train, and what became of trainings."""

import collections
import pathlib
import sys
from typing import Annotated

import typer

from kerasfuse import atomic, drawing, recipes, zoo
from kerasfuse.cli import tables
from kerasfuse.cli.arguments import numbers, read_space, with_data
from kerasfuse.cli.commands.app import app
from kerasfuse.cli.commands.options import (
    Cluster,
    Data,
    DataDir,
    Distribute,
    Executor,
    Folds,
    Group,
    Name,
    Task,
    Validation,
)
from kerasfuse.recipes.execution.cluster import read_executor
from kerasfuse.recipes.execution.devices import is_follower
from kerasfuse.recipes.recording import check_request
from kerasfuse.zoo.readme import check_marks


@app.command(rich_help_panel="Trainings")
def train(
    name: Name,
    run_dir: Annotated[
        pathlib.Path | None, typer.Option(help="Run folder, by default runs/NAME[-LABEL].")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another value for an argument of the model, the data or the recipe. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 1,2,3.")] = None,
    data: Data = None,
    task: Task = None,
    folds: Folds = None,
    group: Group = None,
    validation: Validation = None,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="With --data: do not begin with the entry's weights."),
    ] = False,
    data_dir: DataDir = None,
    jobs: Annotated[int, typer.Option(help="Seeds trained at the same time, in processes.")] = 1,
    executor: Executor = None,
    cluster: Cluster = None,
    distribute: Distribute = None,
    keep_epochs: Annotated[
        bool, typer.Option("--keep-epochs", help="Keep the weights of every epoch, in float16.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write results and weights into the entry.")
    ] = False,
    add: Annotated[
        bool,
        typer.Option("--add", help="Keep the seeds that are recorded already; implies --record."),
    ] = False,
    table: Annotated[
        str | None, typer.Option(help="Table of the entry that this run is a row of.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Name of that row; implies --record.")] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Row of the table, or 'recorded', for a paired test over seeds."),
    ] = None,
):
    """Train a model by its recipe; the same command again goes on after an interruption.

    With --data PATH any model is trained on your own files: what the labels are is read from them.
    """
    if run_dir is None and label:
        run_dir = pathlib.Path("runs", f"{name}-{label}")
    overrides = with_data(settings, data, folds, group, validation)
    is_recorded = record or add or any(x is not None for x in (table, label, against))
    if is_recorded and data is None:
        check_request(zoo.entry(name).override(overrides), table, label, against)
    run = recipes.train(
        name,
        run_dir,
        seeds=None if seeds is None else numbers(seeds),
        overrides=overrides,
        data_dir=data_dir,
        jobs=jobs,
        verbose=1 if sys.stdout.isatty() else 2,
        report=typer.echo,
        keep_epochs=keep_epochs,
        data=data,
        task=task,
        from_scratch=from_scratch,
        executor=read_executor(executor, cluster),
        distribute=distribute,
    )
    if is_follower(distribute):
        return
    tables.show_run(run)
    typer.echo(f"The model is {run.folder}: kerasfuse report {run.folder} shows all of it.")
    if is_recorded:
        recipes.record(name, run.folder, table, label, against, data_dir, add)
        typer.echo(f"Recorded in {zoo.place(name)}")


@app.command(rich_help_panel="Trainings")
def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of two or more zoo entries, or, with --data, classes of models."
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="With --data: classes of models with commas between, such as MICA,LMF, or "
            "'recommended' for three small ones."
        ),
    ] = None,
    data: Data = None,
    task: Task = None,
    folds: Folds = None,
    group: Group = None,
    validation: Validation = None,
    metric: Annotated[
        str | None, typer.Option(help="Test metric, by default the first entry's score.")
    ] = None,
    run_dir: Annotated[
        pathlib.Path, typer.Option(help="Folder of the run folders, one an entry.")
    ] = pathlib.Path("runs"),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As in train, for every entry."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 1,2,3.")] = None,
    data_dir: DataDir = None,
    jobs: Annotated[int, typer.Option(help="Seeds trained at the same time, in processes.")] = 1,
    executor: Executor = None,
    cluster: Cluster = None,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="Picture of the scores, .svg or .png.")
    ] = None,
    readme: Annotated[
        pathlib.Path | None,
        typer.Option(help="Write the table into this page, such as docs/results/ravdess.md."),
    ] = None,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Search the settings of each model before, as tune.")
    ] = False,
    trials: Annotated[int, typer.Option(help="With --tuned: trials of each model.")] = 12,
    space: Annotated[
        pathlib.Path | None, typer.Option(help="With --tuned: what is searched, as in tune.")
    ] = None,
):
    """Train or load several models on one data set and show them in one table."""
    if trials < 1 or (space is not None and not tuned):
        raise ValueError(
            "expected trials from 1, and a space with --tuned only. "
            f"Received: trials={trials}, space={str(space)!r}, tuned={tuned}."
        )
    if figure is not None:
        drawing.check_path(figure)
    if readme is not None:
        check_marks(readme, f"compare {data or zoo.entry(names[0]).data_name}")
    found = recipes.compare(
        [*(names or []), *(models.split(",") if models else [])],
        run_dir,
        data=data,
        task=task,
        metric=metric,
        seeds=None if seeds is None else numbers(seeds),
        overrides=with_data(settings, data, folds, group, validation),
        data_dir=data_dir,
        jobs=jobs,
        verbose=2,
        report=typer.echo,
        tuned=trials if tuned else 0,
        space=None if space is None else read_space(space),
        executor=read_executor(executor, cluster),
    )
    tables.show_comparison(found)
    if figure is not None:
        with atomic.replacing(figure) as temporary:
            found.figure().savefig(temporary)
        typer.echo(f"Drawn in {figure}")
    if readme is not None:
        found.update_readme(readme)


@app.command(rich_help_panel="Trainings")
def tune(
    name: Name,
    space: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="A .toml file of what may be chosen; by default learning rate, weight decay and "
            "dropout around the recipe's."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="How many, in all.")] = 40,
    run_dir: Annotated[
        pathlib.Path | None, typer.Option(help="Folder of the search, by default runs/tune-NAME.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As in train, for every trial."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Fresh seeds at the end, by default the recipe's, or 'none'."),
    ] = None,
    sampler: Annotated[str, typer.Option(help="tpe, random, gp or qmc.")] = "tpe",
    pruner: Annotated[str, typer.Option(help="median, halving, hyperband or none.")] = "median",
    storage: Annotated[
        str | None,
        typer.Option(help="Journal file that several machines share, or URL of a database."),
    ] = None,
    data: Data = None,
    task: Task = None,
    folds: Folds = None,
    group: Group = None,
    validation: Validation = None,
    data_dir: DataDir = None,
    jobs: Annotated[int, typer.Option(help="Trials at the same time, in processes.")] = 1,
    executor: Executor = None,
    cluster: Cluster = None,
):
    """Search settings on validation, then test the best against the default on fresh seeds."""
    found = recipes.tune(
        name,
        None if space is None else read_space(space),
        trials,
        run_dir,
        seeds=[] if seeds == "none" else None if seeds is None else numbers(seeds),
        overrides=with_data(settings, data, folds, group, validation),
        data=data,
        task=task,
        sampler=sampler,
        pruner=pruner,
        storage=storage,
        data_dir=data_dir,
        jobs=jobs,
        report=typer.echo,
        executor=read_executor(executor, cluster),
    )
    tables.show_search(found)


@app.command(rich_help_panel="Trainings")
def audit_selection(
    runs: Annotated[list[str], typer.Argument(help="Run folders, trained with --keep-epochs.")],
    metric: Annotated[
        str | None, typer.Option(help="Test metric, by default each entry's score.")
    ] = None,
    data_dir: DataDir = None,
):
    """Score every epoch on TEST: what choosing on the test split would have gained."""
    tables.show_selection_audits([recipes.audit_selection(run, data_dir) for run in runs], metric)


@app.command(rich_help_panel="Trainings")
def runs(
    folder: Annotated[
        pathlib.Path, typer.Argument(help="A run folder, or one that holds such, at any depth.")
    ] = pathlib.Path("runs"),
):
    """List what is finished, running, stopped or failed in a folder of runs, and why."""
    found = recipes.states(folder)
    counts = collections.Counter(each.state for each in found)
    errors = [f"{each.run} seed {each.seed}: {each.error}" for each in found if each.error]
    tables.show(
        ", ".join(f"{count} {state}" for state, count in counts.most_common()),
        list(found.columns),
        [list(row) for row in found.rows()],
        errors,
    )
