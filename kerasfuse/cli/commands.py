"""The commands, each a few lines over a function of the library."""

import collections
import pathlib
import sys
from typing import Annotated

import rich.console
import rich.markdown
import typer

from kerasfuse import atomic, datasets, drawing, export, recipes, recordings, zoo
from kerasfuse.cli import arrays, tables
from kerasfuse.cli.analyse import run_analysis
from kerasfuse.cli.arguments import is_path, numbers, read_space, setting, with_data
from kerasfuse.cli.demo import run_demo
from kerasfuse.cli.errors import Group, say
from kerasfuse.nearest_names import choose
from kerasfuse.recipes.execution.cluster import read_executor
from kerasfuse.recipes.recording import check_request
from kerasfuse.recipes.scoring import SPLITS
from kerasfuse.recordings.sound.reading import SUFFIXES
from kerasfuse.report import recording_report as write_recording_report
from kerasfuse.report import report as write_report
from kerasfuse.zoo.readme import check_marks

app = typer.Typer(
    cls=Group,
    help="Multimodal fusion models for Keras 3: list, train, evaluate, analyse, report, predict.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

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
WeightsFile = Annotated[
    pathlib.Path | None,
    typer.Option("--weights", help="A .weights.h5 file to use in place of the entry's own."),
]


@app.callback()
def options(
    traceback: Annotated[bool, typer.Option(help="Show the stack of calls of an error.")] = False,
):
    """Hold the options of all commands."""


@app.command("list")
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


@app.command()
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


@app.command()
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
    )
    tables.show_run(run)
    typer.echo(f"The model is {run.folder}: kerasfuse report {run.folder} shows all of it.")
    if is_recorded:
        recipes.record(name, run.folder, table, label, against, data_dir, add)
        typer.echo(f"Recorded in {zoo.place(name)}")


@app.command()
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
):
    """Score a model on its data, beside what is recorded and the best constant prediction."""
    split = split or ("everything" if is_path(data) else "test")
    choose("split", split, (*SPLITS, *["everything"] * is_path(data)))
    if record:
        recipes.record_weights(name, data_dir)
    scores, constant = recipes.evaluate(name, split, data_dir, weights or "default", data)
    shipped = weights is None and data is None
    tables.show_scores(zoo.entry(name), split, scores, constant, shipped)


@app.command()
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


@app.command()
def audit_selection(
    runs: Annotated[list[str], typer.Argument(help="Run folders, trained with --keep-epochs.")],
    metric: Annotated[
        str | None, typer.Option(help="Test metric, by default each entry's score.")
    ] = None,
    data_dir: DataDir = None,
):
    """Score every epoch on TEST: what choosing on the test split would have gained."""
    tables.show_selection_audits([recipes.audit_selection(run, data_dir) for run in runs], metric)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command("export")
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


@app.command()
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


@app.command()
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
    recipes.new_entry(path, start, data, data_dir, dict(map(setting, settings or [])), task)
    typer.echo(f"Written: {path}\nTrain it: kerasfuse train ./{path.name}")


@app.command()
def convert(
    name: Annotated[
        str, typer.Argument(help="Name of a data set, such as mosei, or the path of your own.")
    ],
    data_dir: DataDir = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An argument of the data set. Repeatable."),
    ] = None,
):
    """Convert the files of a data set into records, once, and tell what is in them."""
    if is_path(name) and pathlib.Path(name).exists():
        name, data_dir = "own", name
    typer.echo(datasets.convert(name, data_dir, **dict(map(setting, settings or []))))


@app.command()
def demo(
    folder: Annotated[
        pathlib.Path, typer.Option(help="Where the picture and the model go.")
    ] = pathlib.Path("kerasfuse-demo"),
):
    """Load a model, score it, fine-tune it and look inside it: under 3 minutes on 2 cores."""
    run_demo(folder)
