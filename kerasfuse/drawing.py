"""What all pictures of the library have in common."""

INK, MUTED = "#22223b", "#6c6f7f"
# One for each thing that is told apart.
COLOURS = ("#1d4a6b", "#e4572e", "#6a994e", "#8e6c8a", "#c08552", "#3d8b8b")
# Weights from none to most.
PAPER_TO_INK = ("#fbfaf7", "#d6e2ea", "#8fb5c9", "#3f7ca0", "#1d4a6b", "#0b2239")


def require_matplotlib(caller):
    """Raise an ImportError that says how to get matplotlib, where it is missing.

    Args:
        caller: who needs it, for the message.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"`{caller}` expected matplotlib, which is not installed. "
            "Install it with: pip install 'kerasfuse-zoo[report]'"
        ) from error
