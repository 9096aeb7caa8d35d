"""The room of what is not yet mounted, in the HTML of a page."""

import json

from incontext.sphinx import rooms

STATE = json.dumps({"kind": "number", "question": "How much?"})
PREDICTION = (
    '<div class="prediction" data-prediction="number" role="group">\n'
    f'<script type="application/json" class="prediction-state">{STATE}</script></div>'
)
FIGURE = (
    '<figure class="explorable" data-explorable="scaling" id="explorable-scaling" aria-label="">'
)
HEIGHTS = [[500 + i, 300 + i] for i in range(len(rooms.WIDTHS))]


def test_each_gets_its_heights_and_what_is_not_measured_stays_as_it_is():
    body = f"{FIGURE}</figure>{PREDICTION}"
    assert rooms.keep_rooms(body, {}) == body
    kept = rooms.keep_rooms(
        body,
        {
            "explorable-scaling": HEIGHTS,
            rooms.key_of_prediction(STATE): [[whole, 0] for whole, _ in HEIGHTS],
        },
    )
    figure, prediction = kept.split("</figure>")
    assert "--room-360:500px;--picture-360:300px;--room-390:501px" in figure
    assert "--room-1280:504px" in prediction and "--picture" not in prediction


def test_layout_takes_every_width_that_is_measured():
    layout = rooms.ROOMS.with_name("layout.css").read_text(encoding="utf-8")
    for width in rooms.WIDTHS:
        assert f"var(--room-{width})" in layout and f"var(--picture-{width})" in layout


def test_heights_are_there_for_every_width():
    for page, keys in rooms.measured().items():
        for key, heights in keys.items():
            assert len(heights) == len(rooms.WIDTHS), f"{page}: {key}"
