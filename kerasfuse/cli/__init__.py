"""The command line: `kerasfuse list | card | train | evaluate | analyse | report | ...`."""

from kerasfuse.cli.commands import app


def main():
    """Run the command line."""
    app()


__all__ = ["app", "main"]
