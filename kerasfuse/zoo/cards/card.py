"""A model's card, made from its entry."""

import os

from kerasfuse.zoo.cards.model import data_lines, model_lines, weights_lines
from kerasfuse.zoo.cards.recipe import recipe_lines
from kerasfuse.zoo.cards.results import peers_lines, results_lines
from kerasfuse.zoo.catalogue import entries, entry


def card(name: str | os.PathLike[str]) -> str:
    """Return an entry's model card as markdown, made from the entries alone.

    It tells what the model is and reads, how to get the data, the recipe, what was measured beside
    the best constant prediction, the paper and other models on the same data, what made the
    weights and under which terms, and how to cite the paper.

    Args:
        name: an entry's name.

    Raises:
        ValueError: when there is no such entry, or it is not valid.

    Example:

    >>> from kerasfuse import zoo
    >>> print(zoo.card("mica_ravdess").splitlines()[0])
    # mica_ravdess: MICA on the emotional speech of RAVDESS, one actor left out
    """
    found = entry(name)
    sections = {
        "Model": model_lines(found),
        "Data": data_lines(found),
        "Recipe": recipe_lines(found.recipe),
        "Weights": weights_lines(found),
        "Results": results_lines(found),
        "Other models on the same data": peers_lines(found, entries()),
        "Citation": _citation_lines(found),
    }
    blocks = [f"# {found.name}: {found.title}\n\n{found.summary.strip()}"]
    blocks += ["\n".join([f"## {title}", "", *lines]) for title, lines in sections.items() if lines]
    return "\n\n".join(blocks) + "\n"


def _citation_lines(entry):
    if entry.citation is None:
        return [entry.paper]
    return ["```bibtex", entry.citation.bibtex(), "```"]
