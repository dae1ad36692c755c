"""Put together what a section shows of every run, or why it shows nothing."""

from kerasfuse.report.parts import Heading, Section, Text


class NotThereError(Exception):
    """What a section is about does not exist for a run; the message is one short line."""


def of_each(subjects, name, title, lead, show):
    """Make a section of what `show(subject)` returns, a list of parts, for every run."""
    parts = []
    for subject in subjects:
        if len(subjects) > 1:
            parts.append(Heading(subject.label))
        try:
            parts += show(subject)
        except NotThereError as reason:
            parts.append(Text(str(reason)))
        except FileNotFoundError as error:
            first = str(error).splitlines()[0]
            parts.append(Text(f"Not measured, for want of a file: {first}"))
    return Section(name, title, lead, parts)
