// What scrolls sideways must be reachable by keyboard: wide formulas and tables.
(() => {
  const mark = () => {
    for (const box of document.querySelectorAll(".math-scroll, .pst-scrollable-table-container")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();
