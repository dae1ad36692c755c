"""What a card says of attention across modalities."""

from kerasfuse.metrics.conventions import format_value, lower_is_better
from kerasfuse.tables import markdown

IN_PLACE = {
    "score": "its own",
    "uniform": "uniform",
    "other_sample": "of another sample",
    "shifted": "shifted by half of the steps",
}


def attention_lines(entry):
    """Return the lines that say how sharp attention is, and what the score is with another one."""
    found = entry.results.get("attention")
    if not found:
        return []
    metric = entry.recipe.score
    rows = [[name, format_value(metric, found[key])] for key, name in IN_PLACE.items()]
    return [
        "",
        "### Attention across modalities",
        "",
        "What these weights score on test with other attention in place of their own.",
        "",
        *markdown(["attention", metric], rows).splitlines(),
        "",
        " ".join([_peaks(found), *_uniform(found), *_worth(entry, found)]),
    ]


def uniform_layers(found):
    """Return the numbers of the layers in which less than half of the maps are sharp."""
    counts = zip(found["sharp"], found["maps"], strict=True)
    return [layer for layer, (sharp, maps) in enumerate(counts) if 2 * sharp < maps]


def does_not_matter(entry, found):
    """Whether uniform attention costs no more than one standard deviation over seeds."""
    metric = entry.recipe.score
    lost = found["score"] - found["uniform"]
    if lower_is_better(metric):
        lost = -lost
    return lost <= entry.results["test"][metric].get("sd", 0.0)


def _peaks(found):
    peaks = [f"{peak:.2f}" for peak in found["peak"]]
    if len(peaks) > 1:
        peaks = [f"{peak} in layer {layer}" for layer, peak in enumerate(peaks)]
    return f"The largest weight of a row over the mean weight is {', '.join(peaks)}."


def _uniform(found):
    flat = uniform_layers(found)
    if not flat:
        return []
    where = ""
    if len(flat) < len(found["peak"]):
        numbers = ", ".join(map(str, flat))
        where = f" in layer{'s' * (len(flat) > 1)} {numbers}"
    return [f"Attention is uniform{where}: maps show nothing there."]


def _worth(entry, found):
    if not does_not_matter(entry, found):
        return []
    return [
        "Uniform attention costs no more than the spread over seeds: where these weights look "
        "does not matter."
    ]
