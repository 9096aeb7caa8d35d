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

function load(name) {
  if (!loading.has(name)) {
    loading.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}${name}.js`;
      script.onload = () => resolve(globalThis.incontextExplorables[name]);
      script.onerror = () => reject(new Error(`could not load ${script.src}`));
      document.head.append(script);
    }));
  }
  return loading.get(name);
}

async function bringToLife(el) {
  const spec = JSON.parse(el.querySelector('script[type="application/json"]').textContent);
  const frontEnd = await load(spec.name ?? "prediction");
  frontEnd.render({ model: pageModel(spec), el });
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    bringToLife(target).catch((error) => console.error(error)); // what shows without it stays
  }
}, { rootMargin: "600px" });

for (const el of document.querySelectorAll("[data-explorable], [data-prediction]")) near.observe(el);
