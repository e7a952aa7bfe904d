// The rule builder: the attribute picker, where the cursor goes after an edit, the summary of several choices.
(() => {
  const byId = (id) => document.getElementById(id);
  const picker = byId("pick"), search = byId("pick-search"), tree = byId("rule-tree");
  if (!picker || !tree) return;

  const filter = () => {
    const words = search.value.trim().toLowerCase();
    let any = false;
    picker.querySelectorAll("[data-shelf]").forEach((shelf) => {
      let some = false;
      shelf.querySelectorAll("[data-words]").forEach((button) => {
        button.hidden = !button.dataset.words.includes(words);
        some ||= !button.hidden;
      });
      shelf.hidden = !some;
      any ||= some;
    });
    byId("pick-none").hidden = any || !words;
  };
  const visible = () => [...picker.querySelectorAll("[data-words]")].filter((button) => !button.hidden && !button.closest("[hidden]"));

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-pick]");
    if (!opener) return;
    byId("pick-do").value = opener.dataset.pick;
    byId("pick-at").value = opener.dataset.at;
    search.value = "";
    filter();
    search.focus();
  });
  search.addEventListener("input", filter);
  byId("pick-form").addEventListener("submit", (event) => event.preventDefault());
  picker.addEventListener("keydown", (event) => {
    const buttons = visible(), at = buttons.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target === search) { event.preventDefault(); buttons[0]?.click(); }
    if (event.key === "ArrowDown") { event.preventDefault(); (buttons[at + 1] || buttons[0])?.focus(); }
    if (event.key === "ArrowUp") { event.preventDefault(); (at > 0 ? buttons[at - 1] : search).focus(); }
  });
  picker.addEventListener("htmx:beforeRequest", () => picker.close());

  // After an edit the cursor stands in what was just added or changed.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== tree) return;
    const fresh = tree.querySelector("[data-fresh]");
    const value = fresh?.querySelector(".fld:not(.op, .attr)");
    (value || fresh?.querySelector("select") || fresh)?.focus({ preventScroll: true });
  });
  // Enter in a value must not save half a rule.
  tree.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) event.preventDefault();
  });
  tree.addEventListener("change", (event) => {
    const menu = event.target.closest(".seg-many");
    if (!menu) return;
    const labels = [...menu.querySelectorAll("input:checked")].map((box) => box.nextElementSibling.textContent);
    menu.querySelector("[data-chosen]").textContent = labels.join(menu.dataset.comma) || menu.dataset.empty;
  });
})();
