// Light or dark, before the first paint: the stored choice, else what the system prefers.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const apply = (theme) => {
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("theme-changed"));
  };
  const choose = (theme) => {
    try { localStorage.setItem("theme", theme); } catch { /* private window: the cookie still holds it */ }
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    apply(theme);
  };
  const system = () => (dark.matches ? "dark" : "light");

  apply(stored() || system());
  dark.addEventListener("change", () => { if (!stored()) apply(system()); });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) choose(root.dataset.bsTheme === "dark" ? "light" : "dark");
  });
})();
