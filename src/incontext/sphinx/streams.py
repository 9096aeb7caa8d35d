"""What a cell prints, in one piece, however many messages it came in.

MyST-NB's own merging changes the outputs that it then saves, so that the executed notebook holds
the later lines twice, and it breaks a line where two messages meet. Both depend on how fast a cell
prints.
"""

from copy import copy

from myst_nb.core import render
from nbformat import NotebookNode


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """All text of one stream joined as it came, at the place of its first message."""
    merged: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output["output_type"] != "stream":
            merged.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = copy(output)
            merged.append(streams[output["name"]])
    return merged


def setup(app):
    render.coalesce_streams = merge_streams
