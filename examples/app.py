"""A page that judges recordings: upload a clip, and see its utterances and a picture over time.

    pip install '.[recordings,report]' gradio
    python examples/app.py                    # the entries of the zoo that take recordings
    python examples/app.py runs/lflstm_mine   # runs on your own clips

Everything stays on this machine: the page is at http://127.0.0.1:7860.
"""

import io
import pathlib
import sys

import gradio
import PIL.Image

from kerasfuse import recipes, zoo
from kerasfuse.recordings.sound.reading import SUFFIXES as CLIPS
from kerasfuse.recordings.words.reading import SUFFIXES as WORDS

ABOUT = """# What a model says of a recording
A clip of somebody who speaks is cut into utterances, and each is judged by itself. A word's
influence is what the score loses when the word is left out. Without a transcript the words of the
clip are recognized, where the model takes words.
"""


def able():
    """List the entries of the zoo that take recordings and have weights."""
    return [entry.name for entry in zoo.entries() if entry.features and entry.weights.file]


def judge(clip, transcript, name):
    """Return notes on a clip, its table and its picture."""
    if not clip:
        raise gradio.Error("Upload a clip first.", duration=None)
    try:
        table, found = recipes.predict_recording(name, clip, transcript or None)
    except (ValueError, OSError, ImportError) as error:
        # Each says what was expected, and what to do.
        raise gradio.Error(str(error), duration=None, print_exception=False) from error
    notes = [f"{', '.join(found.absent)} absent: no recording has it."] * bool(found.absent)
    terms = zoo.entry(name).weights.license
    notes = [f"- {note}" for note in (*notes, *found.notes, f"Terms of the weights: {terms}.")]
    rows = [[_short(cell) for cell in row] for row in table.rows]
    drawn = io.BytesIO()
    title = f"{name} on {pathlib.Path(clip).name}"
    found.figure(*table.drawn(), title).savefig(drawn, format="png")
    picture = PIL.Image.open(drawn)
    return "\n".join(notes), {"headers": list(table.columns), "data": rows}, picture


def _short(cell):
    return round(cell, 3) if isinstance(cell, float) else cell


def page(names):
    """Build the page.

    Args:
        names: entries and run folders to choose from.
    """
    with gradio.Blocks(title="kerasfuse", analytics_enabled=False) as blocks:
        gradio.Markdown(ABOUT)
        with gradio.Row():
            clip = gradio.File(label="Clip: sound or video", file_types=list(CLIPS))
            transcript = gradio.File(label="Transcript, if there is one", file_types=list(WORDS))
        name = gradio.Dropdown(names, value=names[0], label="Entry")
        button = gradio.Button("Judge", variant="primary")
        notes = gradio.Markdown()
        picture = gradio.Image(label="Over time", format="png")
        table = gradio.Dataframe(label="Utterances", wrap=True)
        button.click(judge, [clip, transcript, name], [notes, table, picture], api_name="judge")
    return blocks


if __name__ == "__main__":
    page(sys.argv[1:] or able()).launch()
