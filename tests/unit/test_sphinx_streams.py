"""Printed text is merged without changing what is saved."""

from copy import deepcopy

from nbformat.v4 import new_output

from incontext.sphinx.streams import merge_streams


def test_pieces_are_joined_as_they_came_and_the_saved_outputs_stay():
    outputs = [
        new_output("stream", name="stdout", text="one\ntw"),
        new_output("display_data", data={"text/plain": "picture"}),
        new_output("stream", name="stdout", text="o\n\nthree\n"),
        new_output("stream", name="stderr", text="oh"),
    ]
    before = deepcopy(outputs)
    merged = merge_streams(outputs)
    assert [o.get("text") for o in merged] == ["one\ntwo\n\nthree\n", None, "oh"]
    assert outputs == before
    assert merge_streams(outputs) == merged
    assert merge_streams([]) == []
