(() => {
  // What scrolls sideways must be reachable by keyboard: wide formulas and tables.
  const mark = () => {
    for (const box of document.querySelectorAll(".math-scroll, .pst-scrollable-table-container")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);

  // On paper: the light theme, and nothing folded away.
  const root = document.documentElement.dataset;
  let before;
  addEventListener("beforeprint", () => {
    before = root.theme;
    root.theme = "light";
    for (const box of document.querySelectorAll("details.sd-dropdown")) box.open = true;
  });
  addEventListener("afterprint", () => { root.theme = before; });
})();
