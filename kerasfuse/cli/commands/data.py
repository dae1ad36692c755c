"""Commands that make records of files."""

import pathlib
from typing import Annotated

import typer

from kerasfuse import datasets, recordings
from kerasfuse.cli.arguments import is_path, setting
from kerasfuse.cli.commands.app import app
from kerasfuse.cli.commands.options import DataDir
from kerasfuse.cli.errors import say


@app.command(rich_help_panel="Data")
def convert(
    name: Annotated[
        str, typer.Argument(help="Name of a data set, such as mosei, or the path of your own.")
    ],
    data_dir: DataDir = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An argument of the data set. Repeatable."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that convert at the same time.")] = 1,
):
    """Convert the files of a data set into records, once, and tell what is in them."""
    if is_path(name) and pathlib.Path(name).exists():
        name, data_dir = "own", name
    options = {"jobs": jobs, **dict(map(setting, settings or []))}
    typer.echo(datasets.convert(name, data_dir, **options))


@app.command(rich_help_panel="Data")
def extract(
    clips: Annotated[
        list[pathlib.Path],
        typer.Argument(
            metavar="CLIPS...",
            help="Files of sound or video, folders of them, or a .csv with path and perhaps id, "
            "label, split, speaker, transcript, start and end.",
        ),
    ],
    output: Annotated[pathlib.Path, typer.Option(help="The folder for the features.")],
    sound: Annotated[str, typer.Option(help="log_mel, prosody or none.")] = "log_mel",
    words: Annotated[
        str,
        typer.Option(
            help="given: of clips with a transcript; all: of the others by speech recognition; "
            "none."
        ),
    ] = "given",
    face: Annotated[bool, typer.Option("--face", help="Measure the face of videos.")] = False,
    encoder: Annotated[
        str, typer.Option(help="Of text: a name, a folder or hf://user/name.")
    ] = "all-MiniLM-L6-v2",
    layers: Annotated[int, typer.Option(help="Last layers of the encoder, averaged.")] = 4,
    speech_model: Annotated[
        str | None, typer.Option(help="Folder of a Whisper model for CTranslate2.")
    ] = None,
    face_models: Annotated[
        str | None, typer.Option(help="Folder with the .tflite files of faces.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that work at the same time.")] = 1,
):
    """Make features of clips, once, and a table that train, compare and predict take."""
    found = recordings.extract(
        clips,
        output,
        sound=sound,
        words=words,
        face=face,
        encoder=encoder,
        layers=layers,
        speech_model=speech_model,
        face_models=face_models,
        jobs=jobs,
    )
    for one in found.left_out[:10]:
        say(f"left out: {one['id']}: {one['cause']}")
    widths = ", ".join(f"{name} {width}" for name, width in found.modalities.items())
    typer.echo(
        f"{found.clips:,} clips ({widths}) in {found.table}, {len(found.left_out):,} left out."
    )
