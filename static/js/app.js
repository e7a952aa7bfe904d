// Sizes that data decides (the content policy forbids style attributes), and counts read out after a swap.
(() => {
  const SIZES = {
    w: (el, v) => { el.style.width = `${v}%`; },
    l: (el, v) => { el.style.left = `${v}%`; },
    r: (el, v) => { el.style.right = `${v}%`; },
    h: (el, v) => { el.style.height = `${v}px`; },
    v: (el, v) => { el.style.setProperty("--v", v); },
    bg: (el, v) => { el.style.background = `var(--m-${v})`; },
  };
  const each = (root, selector, act) => {
    if (root.matches?.(selector)) act(root);
    root.querySelectorAll(selector).forEach(act);
  };
  const size = (root) => {
    for (const [key, set] of Object.entries(SIZES)) {
      each(root, `[data-${key}]`, (el) => set(el, el.dataset[key]));
    }
  };
  const announce = (root) => {
    const live = document.getElementById("live");
    each(root, "[data-announce]", (el) => { if (live) live.textContent = el.textContent.trim(); });
  };

  document.addEventListener("DOMContentLoaded", () => size(document));
  if (document.readyState !== "loading") size(document);
  // htmx:load fires for every new piece, out-of-band pieces included.
  document.addEventListener("htmx:load", (event) => { size(event.detail.elt); });
  document.addEventListener("htmx:afterSwap", (event) => { size(event.detail.elt); announce(event.detail.elt); });
})();
