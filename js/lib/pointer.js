// Turning something by pointer. A finger on its way down the page turns nothing: a touch counts once
// it has gone sideways, or when it lifts where it came down. With `touch-action: pan-y` the browser
// scrolls on any other way, and tells us by a pointercancel.

const SIDEWAYS = 6; // px

const waiting = new WeakMap(); // element → where the finger came down, while its way is open

const isSideways = ({ clientX, clientY }, { x, y }) =>
  Math.abs(clientX - x) >= SIDEWAYS && Math.abs(clientX - x) > Math.abs(clientY - y);

/** Handlers for a picture that is turned by hand. move(across, down) and, before the first move of
 *  each drag, begin(across, down): from 0 (left edge) to 1 (right edge), and from 0 (top) to 1. */
export function dragHandlers(move, begin = () => {}) {
  const at = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  };
  const start = (event) => {
    waiting.delete(event.currentTarget);
    begin(...at(event));
    move(...at(event));
  };
  return {
    onpointerdown: (event) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      if (event.pointerType === "touch") {
        waiting.set(event.currentTarget, { x: event.clientX, y: event.clientY });
        return;
      }
      event.preventDefault();
      start(event);
    },
    onpointermove: (event) => {
      const down = waiting.get(event.currentTarget);
      if (down && !isSideways(event, down)) return;
      if (down) start(event);
      else if (event.currentTarget.hasPointerCapture(event.pointerId)) move(...at(event));
    },
    onpointerup: (event) => { if (waiting.has(event.currentTarget)) start(event); }, // a tap
    onpointercancel: (event) => { waiting.delete(event.currentTarget); },
  };
}

/** Handlers for a native range input. The browser moves it as soon as it is touched; here that waits
 *  until the way of the finger is known. pick(position) */
export function slideHandlers(pick) {
  const decide = (event, takes) => {
    const input = event.currentTarget;
    const down = waiting.get(input);
    if (!down) return;
    waiting.delete(input);
    if (!takes || down.touched === undefined) return;
    input.value = down.touched;
    pick(Number(down.touched));
  };
  return {
    oninput: (event) => {
      const input = event.currentTarget;
      const down = waiting.get(input);
      if (!down) {
        pick(Number(input.value));
        return;
      }
      down.touched = input.value;
      input.value = down.before;
    },
    onpointerdown: (event) => {
      const { pointerType, currentTarget, clientX, clientY } = event;
      if (pointerType !== "touch") return;
      waiting.set(currentTarget, { x: clientX, y: clientY, before: currentTarget.value });
    },
    onpointermove: (event) => {
      const down = waiting.get(event.currentTarget);
      if (down && isSideways(event, down)) decide(event, true);
    },
    onpointerup: (event) => decide(event, true), // a tap
    onpointercancel: (event) => decide(event, false),
  };
}
