"""Commands about one entry: what it is, what it scores, what it predicts."""

import pathlib
from typing import Annotated

import rich.console
import rich.markdown
import typer

from kerasfuse import atomic, drawing, export, recipes, zoo
from kerasfuse.cli import arrays, tables
from kerasfuse.cli.arguments import is_path, setting
from kerasfuse.cli.commands.app import app
from kerasfuse.cli.commands.options import AnyName, Data, DataDir, Task, WeightsFile
from kerasfuse.cli.demo import SENTENCE, run_demo
from kerasfuse.cli.errors import say
from kerasfuse.nearest_names import choose
from kerasfuse.recipes.scoring import SPLITS
from kerasfuse.recordings.sound.reading import SUFFIXES
from kerasfuse.report import recording_report as write_recording_report


@app.command("list", rich_help_panel="Entries")
def list_entries(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, such as 'mica_*'.")] = "*",
    model: Annotated[str | None, typer.Option(help="Class of model, such as MICA.")] = None,
    data: Annotated[str | None, typer.Option(help="Data set, such as ravdess.")] = None,
    max_parameters: Annotated[int | None, typer.Option(help="Largest model.")] = None,
    license: Annotated[
        str | None,
        typer.Option(
            "--license", "--licence", help="A part of the terms of the data, such as 'CC BY'."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="What data made the weights: real, simulated or none.")
    ] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Only data whose terms allow commercial use.")
    ] = False,
    markdown: Annotated[bool, typer.Option(help="Print a markdown table.")] = False,
    readme: Annotated[
        pathlib.Path | None,
        typer.Option(help="Write the tables into this page, README.md or docs/results/zoo.md."),
    ] = None,
):
    """List the models with data, size, score, where the weights come from, and terms."""
    if readme is not None:
        zoo.update_readme(readme)
        return
    entries = zoo.entries(pattern, model, data, max_parameters, license, weights, commercial)
    typer.echo(entries.markdown() if markdown else repr(entries))


@app.command(rich_help_panel="Entries")
def card(
    name: AnyName,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as markdown.")] = False,
):
    """Show a model's card: inputs, data, recipe, results, weights, terms, citation."""
    text = zoo.card(name)
    if markdown:
        typer.echo(text, nl=False)
    else:
        rich.console.Console().print(rich.markdown.Markdown(text))


@app.command(rich_help_panel="Entries")
def evaluate(
    name: AnyName,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test, the default; of --data PATH everything."),
    ] = None,
    data: Data = None,
    data_dir: DataDir = None,
    weights: WeightsFile = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Score the entry's weights anew, and write that into it."),
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODALITIES",
            help="Score it once more without these, such as audio or audio,vision. Repeatable; "
            "with --record a row of the card each.",
        ),
    ] = None,
):
    """Score a model on its data, beside what is recorded and the best constant prediction."""
    absent = [tuple(name.strip() for name in some.split(",")) for some in without or []]
    split = split or ("everything" if is_path(data) else "test")
    choose("split", split, (*SPLITS, *["everything"] * is_path(data)))
    if record:
        recipes.record_weights(name, data_dir, absent)
    scores, constant = recipes.evaluate(name, split, data_dir, weights or "default", data)
    shipped = weights is None and data is None
    tables.show_scores(zoo.entry(name), split, scores, constant, shipped)
    if absent:
        found = recipes.evaluate_without(name, absent, split, data_dir, weights or "default", data)
        tables.show_absent(zoo.entry(name), split, scores, found)


@app.command(rich_help_panel="Entries")
def predict(
    name: AnyName,
    source: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="INPUT",
            help="A .npz file or a folder of .npy files, with an array (samples, steps, width) for "
            "each modality; what train takes: a table, .csv or .parquet, or a folder of .npz or of "
            "extract; or a recording, sound or video.",
        ),
    ],
    output: Annotated[
        pathlib.Path | None, typer.Option(help="A .csv or .json file; by default the terminal.")
    ] = None,
    weights: WeightsFile = None,
    batch_size: Annotated[int, typer.Option(help="Samples predicted at a time.")] = 32,
    transcript: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Words of a recording: .srt, .vtt, .TextGrid, .json, .ctm, .csd, or .txt, which "
            "is aligned; by default speech recognition."
        ),
    ] = None,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="Picture of a recording over time, .svg or .png.")
    ] = None,
    report: Annotated[
        pathlib.Path | None, typer.Option(help="HTML page about a recording.")
    ] = None,
    speech_model: Annotated[
        str | None, typer.Option(help="Folder of a Whisper model for CTranslate2.")
    ] = None,
    face_models: Annotated[
        str | None, typer.Option(help="Folder with the .tflite files of faces.")
    ] = None,
):
    """Score samples, one row each: raw outputs, and of classes names and probabilities.

    A recording is cut into utterances at pauses, one row each, with the words that mattered.
    """
    arrays.check_output(output)
    entry = zoo.entry(name)
    of_recording = {"transcript": transcript, "figure": figure, "report": report}
    of_recording |= {"speech-model": speech_model, "face-models": face_models}
    if source.suffix.lower() in SUFFIXES:
        found = _predict_recording(name, source, output, weights, of_recording)
    elif given := [option for option, value in of_recording.items() if value is not None]:
        raise ValueError(
            f"expected a recording, such as clip.wav or clip.mp4, beside --{given[0]}. "
            f"Received: input={str(source)!r}."
        )
    else:
        batches = arrays.read(source, entry, batch_size)
        if output is not None:
            atomic.check_file(output)
        found = recipes.predict_table(name, batches, weights or "default")
    if output is None:
        typer.echo(found.csv(), nl=False)
    else:
        found.write(output)


def _predict_recording(name, source, output, weights, options):
    figure, report = options["figure"], options["report"]
    if figure is not None:
        drawing.check_path(figure)
    for path in filter(None, (output, report)):
        atomic.check_file(path)
    table, found = recipes.predict_recording(
        name,
        source,
        options["transcript"],
        weights or "default",
        options["speech-model"],
        options["face-models"],
    )
    if found.absent:
        say(f"note: {', '.join(found.absent)} of {name} absent: no recording has it.")
    for note in found.notes:
        say(f"note: {note}")
    if figure is not None:
        with atomic.replacing(figure) as temporary:
            found.figure(*table.drawn(), f"{name} on {source.name}").savefig(temporary)
        say(f"drawn in {figure}")
    if report is not None:
        write_recording_report(name, table, found, report)
        say(f"written to {report}")
    return table


@app.command("export", rich_help_panel="Entries")
def export_model(
    name: AnyName,
    output: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="OUT",
            help="A .onnx file, or, on tensorflow, the name of a new folder for a SavedModel.",
        ),
    ],
    weights: WeightsFile = None,
):
    """Write a model in a format that runs without Keras."""
    export.check_path(output)
    export.write(zoo.load(name, weights or "default"), output)
    typer.echo(f"Written: {output}")


@app.command(rich_help_panel="Entries")
def publish(
    source: Annotated[
        str, typer.Argument(help="Name of a zoo entry with weights, or a finished run folder.")
    ],
    output: Annotated[pathlib.Path, typer.Argument(metavar="OUT", help="The folder to make.")],
):
    """Make a folder with weights, definition and card that others can load from where it lies."""
    published = recipes.publish(source, output)
    typer.echo(
        f"In {output}: {', '.join(published.files)}\n"
        f"The weights carry the terms of their data: {published.entry.weights.license}\n"
        f"Upload it:  hf upload {published.entry.name} {output} .\n"
        f"To load it: kerasfuse.zoo.load("
        f'"hf://YOU/{published.entry.name}#sha256={published.sha256}")'
    )


@app.command(rich_help_panel="Entries")
def new(
    path: Annotated[pathlib.Path, typer.Argument(metavar="FILE", help="The .toml file to write.")],
    start: Annotated[
        str, typer.Option("--from", help="Entry, or class of model, to begin with.")
    ] = "LMF",
    data: Data = None,
    task: Task = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As in train. Repeatable."),
    ] = None,
    data_dir: DataDir = None,
):
    """Write an entry of your own, with comments, to be changed and trained."""
    entry = recipes.new_entry(path, start, data, data_dir, dict(map(setting, settings or [])), task)
    # A bare name would be that of an entry.
    named = path if len(path.parts) > 1 else f"./{path}"
    place = f" --data-dir {data}" if entry.data_name == "own" and data else ""
    typer.echo(f"Written: {path}\nTrain it: kerasfuse train {named}{place}")


@app.command(rich_help_panel="Entries")
def demo(
    folder: Annotated[
        pathlib.Path, typer.Option(help="Where the picture and the model go.")
    ] = pathlib.Path("kerasfuse-demo"),
    sentence: Annotated[
        str, typer.Option(help="An opinion, which a model of real ones judges.")
    ] = SENTENCE,
):
    """Judge a sentence; load, score and fine-tune a model: under 3 minutes on 2 cores."""
    run_demo(folder, sentence=sentence)
