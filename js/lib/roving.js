// One tab stop for a group of buttons: the arrow keys move the focus between them and choose nothing.

const MOVES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Props for the element that holds the buttons and nothing else. The tab stop is the button that
 *  has the focus or, while none has it, the one at `chosen`. */
export function roving(chosen) {
  return {
    onkeydown: (event) => {
      const buttons = [...event.currentTarget.children];
      const last = buttons.length - 1;
      const to = { Home: 0, End: last }[event.key] ?? buttons.indexOf(event.target) + (MOVES[event.key] ?? NaN);
      if (Number.isNaN(to)) return;
      event.preventDefault();
      const next = buttons[Math.min(Math.max(to, 0), last)];
      next.focus();
      stopAt(next);
    },
    after: (group) => {
      const inside = group.contains(document.activeElement);
      stopAt(inside ? document.activeElement : group.children[Math.max(chosen, 0)]);
    },
  };
}

function stopAt(button) {
  for (const one of button.parentElement.children) one.tabIndex = one === button ? 0 : -1;
}
