"""Which modality of an entry's model is token ids: toml has no word for their width."""

_ENCODERS = ("text_encoder", "backbone")


def sizes(model_args):
    """Return the sizes of a model's modalities by name, `None` of token ids.

    Args:
        model_args: dict of the arguments of an entry's model. An encoder of text among them reads
            ids: of the modality that it stands for in `encoders`, else of the anchor, `"text"` by
            default.
    """
    found = dict(model_args.get("modalities") or {})
    if any(isinstance(model_args.get(name), dict) for name in _ENCODERS):
        found.setdefault(model_args.get("anchor", "text"), None)
    encoders = model_args.get("encoders")
    for name, table in encoders.items() if isinstance(encoders, dict) else ():
        if isinstance(table, dict) and table.get("class") == "AdaptedTextEncoder":
            found.setdefault(name, None)
    return found
