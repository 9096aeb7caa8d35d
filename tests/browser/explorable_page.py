"""An explorable in a page, handled as a reader would: read its table, set its controls."""

import math

from axe_playwright_python.sync_playwright import Axe

AXE = Axe().axe_script

READ = """figure => ({
  columns: [...figure.querySelectorAll('thead tr > *')].map(cell => cell.textContent),
  rows: [...figure.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell =>
    cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value))),
})"""

# Two frames, then the table, which is filled just after a frame.
SETTLE = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
  () => setTimeout(done, 5))))"""

# What was begun is over: transitions, and what the page does in idle moments, as measuring how tall
# each choice gets. Ten seconds at most.
STILL = """async () => {
  const ends = one => one.effect.getComputedTiming().endTime < Infinity;
  const over = document.getAnimations().filter(ends).map(one => one.finished.catch(() => 0));
  await Promise.race([Promise.all(over), new Promise(done => setTimeout(done, 5000))]);
  let changes = 0;
  const seen = new MutationObserver(() => { changes += 1; });
  seen.observe(document.body, { childList: true, subtree: true });
  const late = performance.now() + 10000;
  for (let quiet = 0, before = 0; quiet < 4 && performance.now() < late; before = changes) {
    await new Promise(done => requestIdleCallback(done, { timeout: 1000 }));
    await new Promise(requestAnimationFrame);
    quiet = changes === before ? quiet + 1 : 0;
  }
  seen.disconnect();
}"""

SET = """(input, value) => {
  input.value = value;
  const event = input.localName === 'select' ? 'change' : 'input';
  input.dispatchEvent(new Event(event, {bubbles: true}));
}"""


def settle(figure) -> None:
    figure.page.evaluate(SETTLE)


def still(page) -> None:
    page.evaluate(STILL)


def seen(figure) -> str:
    """The sentence as it stands in the page; it is spoken later."""
    return figure.locator(".ic-sentence").inner_text()


def table(figure) -> dict:
    settle(figure)
    return figure.evaluate(READ)


def inputs(figure, trait: str):
    return figure.locator(f"[data-trait='{trait}']")


def put(figure, control: dict, value) -> None:
    """Sets a control through its native input."""
    where = inputs(figure, control["trait"])
    kind = control["kind"]
    if kind == "toggle":
        where.set_checked(value)
    elif kind == "number-list":
        for i, number in enumerate(value):
            where.nth(i).evaluate(SET, number)
            settle(figure)
    elif kind == "select":
        where.evaluate(SET, value)
    elif kind == "steps":
        where.evaluate(SET, control["values"].index(value))
    elif control.get("scale") == "log":
        low, high = control["minimum"], control["maximum"]
        steps = float(where.get_attribute("max"))
        where.evaluate(SET, round(steps * math.log(value / low) / math.log(high / low)))
    else:
        where.evaluate(SET, value)
    settle(figure)


def commit(block, spec: dict, answer) -> None:
    """Answers a prediction and presses Check."""
    if spec["kind"] == "choice":
        block.locator("input[type=radio]").nth(answer).check()
    else:
        block.locator("input").fill(repr(answer))
    block.get_by_role("button", name="Check").click()


# {trait: what each of its inputs holds}
HELD = """figure => {
  const held = {};
  for (const { dataset, value, checked, ariaValueText } of figure.querySelectorAll('[data-trait]'))
    (held[dataset.trait] ??= []).push({ value, checked, shown: ariaValueText });
  return held;
}"""


def state(figure, spec: dict) -> dict:
    """The controls' values as the page shows them."""
    values, held = {}, figure.evaluate(HELD)
    for control in spec["controls"]:
        first, *_ = all_of_it = held[control["trait"]]
        kind = control["kind"]
        if kind == "toggle":
            value = first["checked"]
        elif kind in ("select", "text"):
            value = first["value"]
        elif kind == "number-list":
            value = [float(one["value"]) for one in all_of_it]
        elif kind == "steps":
            value = control["values"][int(first["value"])]
        elif kind == "integer":
            value = int(first["value"])
        else:
            value = float(first["shown"].split("=")[-1].replace("−", "-"))
        values[control["trait"]] = value
    return values


def some_values(control: dict, figure) -> list:
    """Two values of a control that differ from where it stands."""
    where = inputs(figure, control["trait"])
    kind = control["kind"]
    if kind == "toggle":
        return [not where.is_checked()]
    if kind == "text":
        words = where.input_value().split()
        return [" ".join(words[:n]) for n in (1, len(words) - 1)]
    if kind == "number-list":
        now = [float(one.input_value()) for one in where.all()]
        return [[now[0] + 1.5, *now[1:]]]
    if kind == "select":
        return [o["value"] for o in control["options"] if o["value"] != where.input_value()][:2]
    if kind == "steps":
        here = int(where.input_value())
        return [v for i, v in enumerate(control["values"]) if i != here][::2][:2]
    if kind == "integer":
        now, top = int(where.input_value()), int(where.get_attribute("max"))
        some = dict.fromkeys((control["minimum"], top, (control["minimum"] + top) // 2))
        return [value for value in some if value != now][:2]
    low, high = control["minimum"], control["maximum"]
    if control["scale"] == "log":
        return [low**0.7 * high**0.3, low**0.2 * high**0.8]
    return [0.75 * low + 0.25 * high, 0.2 * low + 0.8 * high]


# Marks the text that looks like some before it: its colour, size and weight, how faint it is, and
# what is behind it. A page has thousands of words, and some fifty looks. Words in a drawing can lie
# on one another, so none of them is marked.
MARK_ALIKE = """() => {
  const shown = { visibilityProperty: true, opacityProperty: true };
  const ground = node => {
    const { backgroundColor } = getComputedStyle(node);
    const own = backgroundColor === 'rgba(0, 0, 0, 0)' ? '' : backgroundColor;
    const opaque = own.startsWith('rgb(') || !node.parentElement;
    return opaque ? own : own + ground(node.parentElement);
  };
  const faint = node => node ? getComputedStyle(node).opacity * faint(node.parentElement) : 1;
  const says = node => [...node.childNodes].some(({ nodeType, data }) =>
    nodeType === Node.TEXT_NODE && data.trim());
  const known = new Set();
  for (const node of document.querySelectorAll('article :not(svg *)')) {
    if (!says(node) || !node.checkVisibility(shown)) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(node);
    const look = [color, fontSize, fontWeight, faint(node), ground(node)].join();
    node.toggleAttribute('data-alike', known.has(look));
    known.add(look);
  }
}"""


# In one run, since axe walks through the whole page for each.
RUN_AXE = """async ([within, rules]) => {
  const selector = '*:not([data-alike])';
  axe.configure({ rules: [{ id: 'color-contrast', selector }] });
  const options = { preload: false, resultTypes: ['violations'] };
  if (rules) options.runOnly = rules;
  return (await axe.run(within ?? document, options)).violations;
}"""


def check_with_axe(page, within: str | None = None, rules: list[str] | None = None) -> None:
    """Fails with what axe-core finds on the page as it stands, or in a part of it, by all rules or
    by some: contrast, which takes the longest, in every look of the text once, and all else
    everywhere."""
    page.evaluate(MARK_ALIKE)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    violations = page.evaluate(RUN_AXE, [within, rules])
    report = [
        f"{v['id']}: {v['help']}\n   " + "\n   ".join(n["html"][:200] for n in v["nodes"][:4])
        for v in violations
    ]
    assert not violations, "\n".join(report)
