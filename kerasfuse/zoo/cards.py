"""A model's card, made from its entry."""

import re

from kerasfuse.zoo.card_recipe import arguments_text, recipe_lines
from kerasfuse.zoo.card_results import results_lines
from kerasfuse.zoo.catalogue import entry
from kerasfuse.zoo.listing import weights_origin


def card(name):
    """Return an entry's model card as markdown, made from the entry alone."""
    found = entry(name)
    lines = [
        f"# {found.name}: {found.title}",
        found.summary.strip(),
        f"- Paper: {found.paper}",
        f"- Model: `{found.model_class}({arguments_text(found.model_args)})`",
        f"- Data: `{found.data_name}({arguments_text(found.data_args)})`",
        *recipe_lines(found.recipe),
        "## Weights",
        f"- Where from: {weights_origin(found)}; trained on {found.weights.trained_on}",
        f"- Terms: {found.weights.licence}",
        f"- Made by: `{found.weights.made_by}`"
        + (f", seed {found.weights.seed}" if found.weights.seed is not None else ""),
    ]
    if found.weights.sha256:
        lines.append(f"- sha256: `{found.weights.sha256}`")
    lines += ["## Results", *results_lines(found)]
    blocks = "\n".join(lines).replace("\n#", "\n\n#").replace("\n- ", "\n- ")
    return re.sub(r"(^#+ .*)\n", r"\1\n\n", blocks, flags=re.M) + "\n"
