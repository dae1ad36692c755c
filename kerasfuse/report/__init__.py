"""From run folders, or from a recording, to one HTML page that holds everything found."""

from kerasfuse.report.page import report
from kerasfuse.report.recording_page import recording_report

__all__ = ["recording_report", "report"]
