"""A page about one recording: what a model says of it, when, and because of which words."""

import html
import io
import os
import pathlib

from kerasfuse import atomic, zoo
from kerasfuse.recipes.tasks.predicting import Predictions
from kerasfuse.recordings import RecordingPrediction

_STYLE = pathlib.Path(__file__).with_name("style.css")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}
main {{ max-width: 62rem; margin: 0 auto; padding: 1.5rem; }}
figure {{ max-width: none; }}
figure svg {{ width: 100%; height: auto; background: white; }}
th:last-child, td.words {{ text-align: left; }}</style></head><body><main>
<h1>{title}</h1><p>{about}</p>{notes}<figure>{figure}</figure>
<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
<p>A word is underlined by how much the score loses without it: solid where it raises the score,
dotted where it lowers it.</p>
<p>{terms}</p></main></body></html>
"""


def recording_report(
    name: str | os.PathLike[str],
    table: Predictions,
    found: RecordingPrediction,
    path: str | os.PathLike[str],
) -> pathlib.Path:
    """Write one HTML page about a recording, the picture inside it.

    Args:
        name: of the entry.
        table, found: what `kerasfuse.recipes.predict_recording` gave.
        path: the file to write, whole or not at all.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ImportError: matplotlib is missing.
        OSError: when the page cannot be written.

    Example:

    >>> table, found = recipes.predict_recording(name, "clip.wav")  # doctest: +SKIP
    >>> recording_report(name, table, found, "why.html")  # doctest: +SKIP
    """
    entry = zoo.entry(name)
    picture = io.StringIO()
    found.figure(*table.drawn()).savefig(picture, format="svg")
    svg = picture.getvalue()
    columns = table.columns[:-1]
    rows = [
        "".join(f"<td>{html.escape(_shown(cell))}</td>" for cell in row[:-1])
        + f'<td class="words">{_marked(one)}</td>'
        for row, one in zip(table.rows, found.utterances, strict=True)
    ]
    absent = f" Absent: {', '.join(found.absent)}." if found.absent else ""
    page = _PAGE.format(
        title=html.escape(f"{found.path.name}, judged by {entry.name}"),
        style=_STYLE.read_text(encoding="utf-8"),
        about=html.escape(f"{entry.title}.{absent}"),
        notes="".join(f"<p>{html.escape(note[:1].upper() + note[1:])}</p>" for note in found.notes),
        figure=svg[svg.index("<svg") :],
        head="".join(f"<th>{html.escape(name)}</th>" for name in (*columns, "words")),
        rows="".join(f"<tr>{row}</tr>" for row in rows),
        terms=html.escape(f"Weights: {entry.weights.trained_on}. {entry.weights.license}."),
    )
    path = pathlib.Path(path)
    with atomic.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _shown(cell):
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _marked(utterance):
    most = max(map(abs, utterance.influence), default=0) or 1
    return " ".join(
        f'<span style="text-decoration: underline {"solid" if effect >= 0 else "dotted"} '
        f'{4 * abs(effect) / most:.1f}px" title="{effect:+.3f}">{html.escape(word)}</span>'
        for word, effect in zip(utterance.words, utterance.influence, strict=True)
    )
