// <details data-menu>: one open at a time; closes on a choice, on a click elsewhere and on Escape.
(() => {
  const opened = () => document.querySelectorAll("details[data-menu][open]");
  document.addEventListener("click", (event) => {
    opened().forEach((menu) => {
      const chosen = menu.contains(event.target) && event.target.closest(".menu-b a, .menu-b button");
      if (chosen || !menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") opened().forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = event.target.closest?.("details[data-menu][open]");
    if (!menu || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll(".menu-b a, .menu-b button, .menu-b input")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length]?.focus();
  });
})();
