// A question with an answer to commit to: the reader chooses or types, the page replies in place.
// The texts come from Python as HTML, escaped there.

let instances = 0;

/** What the reader typed, as numbers: "0.25", "0,25", "1/4", "25%", "−3", "591,360". More than one
 *  where a comma can be read in two ways; empty where there is no number. */
export function parse(typed) {
  const text = typed.trim().replace(/[−–]/g, "-").replace(/\s+/g, "");
  const readings = new Set([text.replace(",", ".")]);
  if (/^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?%?$/.test(text)) readings.add(text.replaceAll(",", ""));
  return [...readings].map(one).filter((value) => value !== null);
}

function one(text) {
  const [, top, bottom, percent] = text.match(/^([^/%]+)(?:\/([^/%]+))?(%?)$/) ?? [];
  const pattern = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  if (!pattern.test(top ?? "") || (bottom !== undefined && !pattern.test(bottom))) return null;
  const value = Number(top) / Number(bottom ?? 1) / (percent ? 100 : 1);
  return Number.isFinite(value) ? value : null;
}

/** The reply to a committed answer: { state: "right" | "wrong" | "unanswered", reply } */
export function judge(spec, given) {
  return spec.kind === "choice" ? judgeChoice(spec, given) : judgeNumber(spec, given);
}

function judgeChoice({ options, right, answer }, given) {
  if (options[given] === undefined) return { state: "unanswered", reply: "Choose one of the answers first." };
  return given === right ? { state: "right", reply: answer } : { state: "wrong", reply: options[given].reply };
}

function judgeNumber({ value, within, answer, misconceptions }, given) {
  const readings = parse(given);
  if (readings.length === 0) return { state: "unanswered", reply: "Type a number. 0.25, 1/4 and 25% all mean the same." };
  const near = (target) => readings.some((reading) => Math.abs(reading - target) <= within * (1 + 1e-9));
  if (near(value)) return { state: "right", reply: answer };
  const known = misconceptions.find((misconception) => near(misconception.value));
  return { state: "wrong", reply: known?.reply ?? `Your number is too ${readings[0] > value ? "large" : "small"}.` };
}

const VERDICT = { right: "Right.", wrong: "Not quite.", unanswered: "", shown: "The answer:" };

function render({ model, el }) {
  const spec = model.get("spec");
  const id = `prediction-${++instances}`;
  const root = el.matches?.(".prediction") ? el : el.appendChild(group());
  const form = document.createElement("form");
  form.className = "prediction-form";
  form.noValidate = true;
  form.innerHTML = `<p class="prediction-title">Predict</p>${spec.kind === "choice" ? choices(spec, id) : field(spec, id)}
    <div class="prediction-buttons"><button type="submit">Check</button><button type="button" hidden>Show the answer</button></div>
    <output aria-live="polite"></output>`;
  const [, show] = form.querySelectorAll("button");
  const output = form.querySelector("output");

  function reply(state, text) {
    form.dataset.state = state;
    output.style.minHeight = "";
    output.innerHTML = text && `<strong class="prediction-verdict">${VERDICT[state]}</strong> ${text}`;
    show.hidden = state !== "wrong";
    if (state !== "unanswered") root.dispatchEvent(new CustomEvent("prediction-committed", { bubbles: true }));
  }

  // A reply is to the answer it was given for, and goes with it. Its place is kept, so that nothing moves.
  form.addEventListener("input", () => {
    if (!["right", "wrong", "unanswered"].includes(form.dataset.state)) return;
    output.style.minHeight = `${output.getBoundingClientRect().height}px`;
    output.textContent = "";
    form.dataset.state = "changed";
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = form.querySelector("input:checked");
    const given = spec.kind === "choice" ? Number(chosen?.value ?? -1) : form.querySelector("input").value;
    const { state, reply: text } = judge(spec, given);
    reply(state, text);
  });
  // As lib/keys.js does, which is part of the core that explorables stand on, and predictions do not.
  form.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", ""));
  show.addEventListener("click", () => {
    reply("shown", spec.answer);
    form.querySelector("[type=submit]").focus(); // the button that had the focus is gone
  });

  root.querySelector(".prediction-static")?.setAttribute("hidden", "");
  root.append(form);
  root.dataset.ready = "";
  return () => {
    form.remove();
    root.querySelector(".prediction-static")?.removeAttribute("hidden");
    delete root.dataset.ready;
    if (root !== el) root.remove();
  };
}

function group() {
  const root = document.createElement("div");
  root.className = "prediction";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Predict");
  return root;
}

const choices = ({ question, options }, id) => `<fieldset><legend>${question}</legend>${options.map(({ label }, i) =>
  `<div class="prediction-option"><input type="radio" name="${id}" id="${id}-${i}" value="${i}"><label for="${id}-${i}">${label}</label></div>`).join("")}</fieldset>`;

const field = ({ question, unit }, id) => `<p id="${id}-question">${question}</p><div class="prediction-field">
  <label for="${id}-answer">Your answer</label><input type="text" inputmode="text" autocomplete="off" id="${id}-answer" aria-describedby="${id}-question">${unit && `<span>${unit}</span>`}</div>`;

export default { render };
