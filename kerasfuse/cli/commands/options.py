"""Arguments and options that several commands take."""

import pathlib
from typing import Annotated

import typer

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a zoo entry, as `kerasfuse list` shows them, or the path of one, ./x.toml; "
        "with --data also a class of model, such as MICA."
    ),
]

AnyName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of a zoo entry, or where one is: hf://owner/name, a folder such as runs/x, "
        "./x.toml.",
    ),
]

DataDir = Annotated[
    pathlib.Path | None,
    typer.Option(help="Folder of the real data, by default $KERASFUSE_DATA."),
]

Data = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Your own table, .npz file or folder, or the name of a data set, in place of the "
        "entry's.",
    ),
]

Task = Annotated[
    str | None,
    typer.Option(
        help="With --data: number, numbers, binary, classes or multilabel; by default what the "
        "labels look like."
    ),
]

Folds = Annotated[
    int | None, typer.Option(help="With --data: cross-validation in so many parts, 3 or more.")
]

Group = Annotated[
    str | None,
    typer.Option(help="With --data: column whose samples stay together, such as speaker."),
]

Validation = Annotated[
    float | None, typer.Option(help="With --data: share split off to validate, such as 0.15.")
]

Executor = Annotated[
    str | None,
    typer.Option(
        help="local or slurm: submit jobs, --jobs of them at the same time, in place of processes."
    ),
]

Cluster = Annotated[
    pathlib.Path | None,
    typer.Option(help="With --executor: a .toml file with partition, minutes, memory, gpus, ..."),
]

Distribute = Annotated[
    str | None,
    typer.Option(
        help="data: devices share each batch: all that jax sees, or the processes of torchrun."
    ),
]

WeightsFile = Annotated[
    pathlib.Path | None,
    typer.Option("--weights", help="A .weights.h5 file to use in place of the entry's own."),
]
