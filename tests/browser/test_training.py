"""A transformer trains in the page: in a worker, from file://, with a few steps only."""

import base64
import json

import numpy as np
import pytest
from explorable_page import check_with_axe, put, seen, settle, table

from incontext import training
from incontext.explorables import Training
from incontext.explorables import training as explorable
from incontext.explorables.base import STATIC

N_STEPS = 100


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """The explorable alone, its runs cut short."""
    figure = Training().to_html()
    whole, cut = (f'"n_steps":{n}' for n in (explorable.RECIPE["n_steps"], N_STEPS))
    assert whole in figure
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Training</title>"
        f"<link rel=stylesheet href='{(STATIC / 'theme.css').as_uri()}'></head><body><main>"
        f"<h1>Training</h1>{figure.replace(whole, cut)}</main>"
        f"<script src='{(STATIC / 'host.js').as_uri()}'></script></body></html>",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def figure(browser, page_file, request):
    """The mounted figure. Anything asked of the network, or said in the console, fails the test."""
    options = getattr(request, "param", {"viewport": {"width": 1280, "height": 900}})
    context = browser.new_context(**options)
    page, complaints = context.new_page(), []

    def guard(route):
        if route.request.url.startswith(("file:", "blob:", "data:")):
            route.continue_()
        else:
            complaints.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector("[data-ready]", state="attached")
    yield page.locator("figure.explorable")
    context.close()
    assert not complaints, complaints


def press(figure, name: str) -> None:
    figure.get_by_role("button", name=name, exact=True).click()


def at(figure) -> int:
    return int(figure.locator("progress").evaluate("node => node.value"))


def wait_for_step(figure, step: int) -> None:
    figure.page.wait_for_function(
        f"document.querySelector('progress').value >= {step}", timeout=120_000
    )


def control(trait: str) -> dict:
    return {"trait": trait, **Training().trait_metadata(trait, "control")}


def numbers(figure) -> dict:
    return {(row[0], row[1]): row[2] for row in table(figure)["rows"]}


def test_a_run_goes_to_its_end_and_the_recorded_one_stands_behind(figure):
    recorded = numbers(figure)
    put(figure, control("prediction"), "coin")
    press(figure, "Train")
    wait_for_step(figure, N_STEPS)
    found = numbers(figure)
    assert found["training step", ""] == N_STEPS, "the slider follows"
    assert (f"loss, step {N_STEPS}", "bank") not in found
    for step in (0, 50, 100):
        for family in ("it", "who ate whom"):
            assert 0 < found[f"loss, step {step}", family] < 6
    assert ("loss, step 150", "it") not in found
    behind = json.loads(explorable.RECORDED.read_text())["two_families"]["left-to-right"]
    last = found["recorded: loss, step 2500", "who ate whom"]
    assert last == behind["loss"]["who"][-1]
    assert "Your run, which reads left to right, " in seen(figure)
    assert "predicted" in seen(figure)
    assert "Step 100 of 100" in figure.locator("progress + span").inner_text()

    put(figure, control("step"), 50)
    assert numbers(figure)["training step", ""] == 50
    press(figure, "Back to the recorded run")
    assert numbers(figure)["loss, step 2500", "bank"] == recorded["loss, step 2500", "bank"]
    assert not figure.page.workers
    press(figure, "Reset")
    assert numbers(figure) == recorded


def test_the_same_seed_and_choices_give_the_recorded_run_again(figure):
    """Same engine, same seed: the pale line is what Train draws when nothing is taken away."""
    recorded = numbers(figure)
    put(figure, control("families"), "all")
    press(figure, "Train")
    wait_for_step(figure, 50)
    press(figure, "Pause")
    found = numbers(figure)
    for family in ("bank", "it", "is or are", "who ate whom"):
        key = ("loss, step 50", family)
        assert found[key] == pytest.approx(recorded[key], abs=2e-3)


def test_pause_go_on_and_stop(figure):
    page = figure.page
    press(figure, "Train")
    wait_for_step(figure, 1)
    press(figure, "Pause")
    page.wait_for_timeout(300)
    paused = at(figure)
    page.wait_for_timeout(500)
    assert at(figure) == paused < N_STEPS
    press(figure, "Go on")
    wait_for_step(figure, paused + 1)
    press(figure, "Stop")
    page.wait_for_timeout(300)
    stopped = at(figure)
    page.wait_for_timeout(300)
    assert at(figure) == stopped
    assert figure.get_by_role("button", name="Pause").is_disabled()
    assert "was stopped" in seen(figure)


def test_a_hidden_tab_pauses(figure):
    page = figure.page
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    press(figure, "Train")
    wait_for_step(figure, 1)
    page.evaluate(hide, True)
    page.wait_for_timeout(300)
    stands = at(figure)
    page.wait_for_timeout(500)
    assert at(figure) == stands < N_STEPS
    page.evaluate(hide, False)
    wait_for_step(figure, stands + 1)


@pytest.mark.parametrize("reading", ["left-to-right", "both-sides"])
def test_the_model_is_downloaded_and_python_reads_it(figure, tmp_path, reading):
    put(figure, control("reading"), reading)
    put(figure, control("families"), "it")
    put(figure, control("heads"), 2)
    put(figure, control("positions"), False)
    files = []
    for name in ("one", "two"):
        press(figure, "Train")
        wait_for_step(figure, N_STEPS)
        with figure.page.expect_download() as download:
            press(figure, "Download the model")
        files.append(tmp_path / name)
        download.value.save_as(files[-1])
    assert files[0].read_bytes() == files[1].read_bytes(), "the same run to the byte"
    run = training.load(files[0])
    assert run.reading == reading and run.model.config.positions is None
    assert run.model.config.n_heads == 2 and len(run.losses) == N_STEPS
    last = run.looks[-1]
    held_out = {"it": training.corpus.every_sentence("it", "held_out")}
    assert last.loss["it"] == pytest.approx(training.look(run, held_out).loss["it"], abs=1e-4)
    settle(figure)
    assert numbers(figure)[f"loss, step {N_STEPS}", "it"] == last.loss["it"]


def test_a_choice_for_the_next_run_does_not_touch_the_present_one(figure):
    press(figure, "Train")
    wait_for_step(figure, N_STEPS)
    before = numbers(figure)
    put(figure, control("reading"), "both-sides")
    put(figure, control("layers"), 1)
    after = numbers(figure)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {("next run", "Reading"), ("next run", "Layers")}
    press(figure, "Train")
    wait_for_step(figure, N_STEPS)
    assert numbers(figure)["map", "layer"] == 1
    assert "both sides, with 1 layer" in seen(figure)


PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@pytest.mark.parametrize("figure", [{}, PHONE], indirect=True, ids=["desktop", "phone"])
def test_accessible_before_during_and_after_a_run(figure):
    page = figure.page
    check_with_axe(page)
    press(figure, "Train")
    wait_for_step(figure, 50)
    press(figure, "Pause")
    figure.get_by_text("Read the code").click()
    check_with_axe(page)
    assert "export function attention(" in figure.locator("pre").inner_text()
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    picture = figure.locator(".ic-picture")
    assert over <= 0 and picture.evaluate("node => node.scrollWidth - node.clientWidth") <= 1


# A front end in Jupyter: the model has send(), and messages come from the kernel.
MOUNT = """([spec, messages]) => {
  const values = { spec, ...structuredClone(spec.initial) };
  const heard = {};
  const sent = window.sent = [];
  const model = {
    get: (name) => values[name],
    set(name, value) { values[name] = value; heard[`change:${name}`]?.(); },
    save_changes() {},
    send: (message) => sent.push(message.do),
    on: (event, listener) => { heard[event] = listener; },
    off: (event) => { delete heard[event]; },
  };
  document.querySelector('main').replaceChildren();
  const el = document.querySelector('main').appendChild(document.createElement('div'));
  window.clean = globalThis.incontextExplorables.training.render({ model, el });
  window.tell = ([content, buffers]) => heard['msg:custom'](content, buffers.map(text =>
    new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)));
  window.listeners = () => Object.keys(heard).length;
  messages.forEach(tell);
}"""


def test_in_jupyter_the_kernel_trains(figure, monkeypatch):
    page = figure.page
    monkeypatch.setitem(explorable.RECIPE, "n_steps", N_STEPS)
    monkeypatch.setitem(explorable.RECIPE, "validate_every", 50)
    said = []
    widget = Training(families="two", heads=2, layers=1)
    monkeypatch.setattr(
        widget,
        "send",
        lambda content, buffers=(): said.append(
            [content, [base64.b64encode(one).decode() for one in buffers]]
        ),
    )
    widget.train()
    widget._beside.wait()
    page.evaluate(MOUNT, [json.loads(json.dumps(widget.spec)), json.loads(json.dumps(said))])
    figure = page.locator("figure.explorable")
    settle(figure)
    assert page.evaluate("sent") == ["tell"]
    found = numbers(figure)
    run = widget.run
    assert found[f"loss, step {N_STEPS}", "who ate whom"] == run.looks[-1].loss["who"]
    weights = widget._beside.history.maps[0][-1][0, 0]
    words = explorable.words_read(explorable._sentences(explorable.SHOWN)[0], run.reading)
    last = len(words) - 1
    got = found[f"weight from “{words[last]}” ({last + 1})", f"to “{words[1]}” (2)"]
    assert got == pytest.approx(float(weights[last, 1]))
    assert np.isclose(weights[last].sum(), 1)
    press(figure, "Train")
    press(figure, "Back to the recorded run")
    assert page.evaluate("sent") == ["tell", "train", "forget"]
    assert not page.workers
    page.evaluate("clean()")
    assert page.evaluate("listeners()") == 0


def test_what_is_removed_trains_no_more(figure):
    page = figure.page
    page.evaluate(
        """() => {
          const spec = JSON.parse(document.querySelector('.explorable-state').textContent);
          const values = { spec, ...spec.initial };
          const nothing = () => {};
          const model = { get: name => values[name], set: nothing, save_changes: nothing,
            on: nothing, off: nothing };
          const el = document.body.appendChild(document.createElement('div'));
          window.clean = globalThis.incontextExplorables.training.render({ model, el });
          el.querySelectorAll('button').forEach(b => b.textContent === 'Train' && b.click());
        }"""
    )
    page.wait_for_timeout(300)
    assert len(page.workers) == 1
    page.evaluate("clean()")
    page.wait_for_timeout(300)
    assert not page.workers
