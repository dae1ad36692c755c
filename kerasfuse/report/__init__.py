"""From run folders to one HTML page that holds everything found."""

from kerasfuse.report.page import report

__all__ = ["report"]
