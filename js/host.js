// Brings the explorables and predictions of a built page to life as they come near the screen, with no kernel.
// Scripts are classic and addressed relative to this one, so any sub-path and file:// work.

const base = document.currentScript.src.replace(/host\.js.*$/, "");
const loading = new Map();

/** The part of anywidget's model that the front ends use, held in the page. */
function pageModel(spec) {
  const values = { spec, ...structuredClone(spec.initial) };
  const listeners = new EventTarget();
  return {
    get: (name) => values[name],
    set(name, value) {
      if (Object.is(values[name], value)) return;
      values[name] = value;
      listeners.dispatchEvent(new Event(`change:${name}`));
    },
    save_changes() {},
    on: (event, listener) => listeners.addEventListener(event, listener),
    off: (event, listener) => listeners.removeEventListener(event, listener),
  };
}

/** Runs a script once. Those asked for one after the other load side by side and run in that order. */
function load(name) {
  if (!loading.has(name)) {
    loading.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.async = false;
      script.src = `${base}${name}.js`;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`could not load ${script.src}`));
      document.head.append(script);
    }));
  }
  return loading.get(name);
}

async function bringToLife(el) {
  const spec = JSON.parse(el.querySelector('script[type="application/json"]').textContent);
  const name = spec.name ?? "prediction";
  await Promise.all((spec.name ? ["core", name] : [name]).map(load)); // explorables stand on the core
  globalThis.incontextExplorables[name].render({ model: pageModel(spec), el });
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) wake(target);
}, { rootMargin: "600px" });

const sleeping = new Set(document.querySelectorAll("[data-explorable], [data-prediction]"));

function wake(el) {
  near.unobserve(el);
  if (sleeping.delete(el)) bringToLife(el).catch((error) => console.error(error)); // what shows without it stays
}

for (const el of sleeping) near.observe(el);

// Predictions are small, and who goes from field to field must find them all.
(globalThis.requestIdleCallback ?? setTimeout)(() => {
  for (const el of sleeping) if ("prediction" in el.dataset) wake(el);
});

// A link to a section lands, though what stands above it comes to life and may grow: the target is
// held in its place until the reader takes over.

let release = () => {};

function hold(target) {
  release();
  const held = new AbortController();
  release = () => held.abort();
  const { signal } = held;
  const place = () => target.scrollIntoView({ behavior: "instant", block: "start" });
  let [top, scrolled] = [NaN, NaN];
  const grown = new ResizeObserver(() => {
    place();
    [top, scrolled] = [target.getBoundingClientRect().top, scrollY];
  });
  grown.observe(document.querySelector("article") ?? document.body);
  signal.addEventListener("abort", () => grown.disconnect());
  const taken = { signal, capture: true, passive: true };
  for (const event of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(event, release, taken);
  addEventListener("scroll", () => { // by the scroll bar or a script, and not by the browser to hold its place
    const moved = Math.abs(target.getBoundingClientRect().top - top);
    if (moved > 2 && Math.abs(scrollY - scrolled) > 2) release();
  }, taken);
}

function targetOf(hash) {
  const [id] = hash.slice(1).split("?"); // what follows says what an explorable shows
  return id ? document.getElementById(decodeURIComponent(id)) : null;
}

function holdWhereLinkLeads(link) {
  const target = link && link.pathname === location.pathname && targetOf(link.hash);
  if (target) hold(target);
}

addEventListener("click", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  holdWhereLinkLeads(event.target.closest?.("a[href]"));
});

/** An explorable whose state the address has is mounted at once, and takes it over by itself. */
function openExplorable() {
  const target = location.hash.includes("?") && targetOf(location.hash);
  if (target) wake(target);
  return target;
}

openExplorable();
addEventListener("hashchange", () => {
  const target = openExplorable();
  if (target) hold(target); // the browser knows no element of that name
});
// A page that is loaded again, or come back to, is where the reader left it.
if (performance.getEntriesByType("navigation")[0]?.type === "navigate") holdWhereLinkLeads(location);
