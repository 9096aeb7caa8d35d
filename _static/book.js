(() => {
  const root = document.documentElement;

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
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    for (const box of document.querySelectorAll("details.sd-dropdown")) box.open = true;
  });
  addEventListener("afterprint", () => { root.dataset.theme = before; });

  // The drawers of a phone close when a link in them was followed, and at Escape.
  const drawers = () => document.querySelectorAll("#pst-primary-sidebar-checkbox, #pst-secondary-sidebar-checkbox");
  const closeDrawers = () => { for (const box of drawers()) box.checked = false; };
  addEventListener("click", ({ target }) => {
    if (target.closest(".bd-sidebar-primary a, .bd-sidebar-secondary a")) closeDrawers();
  }, true);
  addEventListener("keydown", ({ key }) => { if (key === "Escape") closeDrawers(); });

  // Concepts only: the attribute is set in the head (src/incontext/sphinx/cells.py).

  let remembered = true; // false where storage is forbidden: links then carry the choice

  function remember(on) {
    try {
      if (on) localStorage.setItem("concepts", "only");
      else localStorage.removeItem("concepts");
    } catch {
      remembered = false;
    }
  }

  const areOnly = () => root.dataset.concepts === "only";

  function show(on) {
    if (on) root.dataset.concepts = "only";
    else delete root.dataset.concepts;
    for (const button of document.querySelectorAll(".concepts-switch")) {
      button.setAttribute("aria-pressed", on);
    }
  }

  /** What the reader looks at stays where it is on the screen, whatever folds above it. */
  function keepingPlace(change) {
    const top = document.querySelector(".bd-header-article")?.getBoundingClientRect().bottom ?? 0;
    const stays = [...document.querySelectorAll(".bd-article :is(h1, h2, h3, p, figure, ul, table)")].find(
      (node) => node.getBoundingClientRect().top >= top && !node.closest(".printed, .cell_input, details"),
    );
    const was = stays?.getBoundingClientRect().top;
    root.style.overflowAnchor = "none"; // the browser's own way to do this would come on top
    change();
    if (stays && scrollY > 0) {
      scrollBy({ top: stays.getBoundingClientRect().top - was, behavior: "instant" });
    }
    setTimeout(() => { root.style.overflowAnchor = ""; }, 100);
  }

  function turn(on) {
    keepingPlace(() => show(on));
    remember(on);
    const url = new URL(location);
    url.searchParams.delete("concepts");
    try {
      history.replaceState(history.state, "", url);
    } catch { /* a folder's page in some browsers */ }
    for (const said of document.querySelectorAll(".concepts-said")) {
      said.textContent = on ? "Code and its printed output are folded." : "Code is shown.";
    }
  }

  function unfold(cell, open) {
    cell.classList.toggle("unfolded", open);
    for (const button of cell.querySelectorAll(":scope > .cell-unfold")) button.setAttribute("aria-expanded", open);
    for (const box of cell.querySelectorAll(":scope > details.hide")) box.open = open;
  }

  addEventListener("click", (event) => {
    const fold = event.target.closest(".cell-unfold");
    const link = event.target.closest("a[href]");
    if (event.target.closest(".concepts-switch")) turn(!areOnly());
    else if (fold) unfold(fold.parentElement, !fold.parentElement.classList.contains("unfolded"));
    else if (link?.getAttribute("href") === "?concepts") {
      event.preventDefault();
      turn(true);
    } else if (link && areOnly() && !remembered && link.origin === location.origin && link.pathname !== location.pathname) {
      link.search = "?concepts";
    }
  }, true);

  /** A link may lead to what is folded. */
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
    const cell = target?.closest(".cell.foldable");
    if (cell && areOnly() && !target.checkVisibility()) {
      unfold(cell, true);
      target.scrollIntoView({ behavior: "instant" });
    }
  }

  addEventListener("DOMContentLoaded", () => {
    show(areOnly());
    if (areOnly()) remember(true);
    openTarget();
  });
  addEventListener("hashchange", openTarget);
  addEventListener("pageshow", ({ persisted }) => { // come back to, after it was switched elsewhere
    if (!persisted) return;
    try {
      show(localStorage.getItem("concepts") === "only");
    } catch { /* as it was */ }
  });

  // Veils: a result stays covered until the prediction before it was answered, or the reader asks.

  const askedFor = (cell) => [...document.querySelectorAll("[data-prediction]")].findLast(
    (box) => box.compareDocumentPosition(cell) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const veiled = () => [...document.querySelectorAll(".cell.tag_veil > .cell_output:not([data-shown])")];

  addEventListener("prediction-committed", ({ target }) => {
    for (const output of veiled()) if (askedFor(output) === target) output.dataset.shown = "";
  });
  addEventListener("click", ({ target }) => {
    const output = target.closest(".veil button")?.closest(".cell_output");
    if (!output) return;
    const asked = askedFor(output);
    for (const one of veiled()) if (askedFor(one) === asked) one.dataset.shown = "";
    output.tabIndex = -1; // the button that had the focus is gone
    output.setAttribute("role", "group");
    output.setAttribute("aria-label", "Result");
    output.focus({ preventScroll: true });
  });
  addEventListener("DOMContentLoaded", () => {
    for (const output of veiled()) if (!askedFor(output)) output.dataset.shown = "";
  });
})();
