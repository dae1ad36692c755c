"""A section that shows the same of every run, or says why it shows nothing."""

from kerasfuse.report.parts import Heading, Section, Text


class NotThereError(Exception):
    """What a section is about does not exist for a run; the message is one short line."""


def section_per_run(reported_runs, name, title, lead, show):
    """Make a section of what `show(reported_run)` returns, a list of parts, for every run."""
    parts = []
    for reported_run in reported_runs:
        if len(reported_runs) > 1:
            parts.append(Heading(reported_run.label))
        try:
            parts += show(reported_run)
        except NotThereError as reason:
            parts.append(Text(str(reason)))
        except FileNotFoundError as error:
            first = str(error).splitlines()[0]
            parts.append(Text(f"Not measured, for want of a file: {first}"))
    return Section(name, title, lead, parts)
