// Keys in JupyterLab, which takes arrows and letters for shortcuts of its own ("d" twice deletes the
// cell), even from a slider or a radio button that has the focus. Lumino's CommandRegistry, which does
// so, passes by a key whose target has this attribute; on what contains the target it comes too late.

/** A listener of focusin: what has the focus keeps its keys. */
export function keepKeys({ target }) {
  target.setAttribute("data-lm-suppress-shortcuts", "");
}
