"""The arguments of a model that cannot be meant for data with other modalities."""


def of_other_modalities(model_args, modalities):
    """List the arguments that speak of modalities which the data do not have.

    Those are names of one, and dicts or lists with one, and dicts that have a value for each of the
    modalities before but not for each of these.

    Args:
        model_args: dict of arguments, among them `modalities`.
        modalities: names of those that take their place.
    """
    before, after = set(model_args["modalities"]), set(modalities)
    return [
        argument
        for argument, value in model_args.items()
        if argument != "modalities" and _speaks_of_others(value, before, after)
    ]


def _speaks_of_others(value, before, after):
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, dict | list):
        return False
    known = {name for name in named if isinstance(name, str)} & before
    whole = isinstance(value, dict) and known == before
    return bool(known - after) or (whole and bool(after - known))
