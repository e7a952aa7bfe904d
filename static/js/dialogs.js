// Native dialogs: `data-dialog="id"` opens, `data-close` closes, `data-confirm="sentence"` asks first,
// and whatever htmx swaps into #sheet-body opens the shared sheet.
(() => {
  const byId = (id) => document.getElementById(id);
  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };

  const ask = (sentence, word, proceed) => {
    const dialog = byId("confirm"), yes = byId("confirm-yes");
    byId("confirm-text").textContent = sentence;
    yes.textContent = word || yes.dataset.word;
    yes.onclick = () => { dialog.close(); proceed(); };
    open(dialog);
    dialog.querySelector("[data-close]").focus();
  };
  const proceed = (el) => {
    delete el.dataset.confirm;
    if (el.form) el.form.requestSubmit(el); else el.click();
  };

  document.addEventListener("click", (event) => {
    const asked = event.target.closest("[data-confirm]");
    if (asked) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (asked.form && !asked.form.reportValidity()) return;
      const sentence = asked.dataset.confirm;
      ask(sentence, asked.dataset.confirmYes, () => { proceed(asked); asked.dataset.confirm = sentence; });
      return;
    }
    const opener = event.target.closest("[data-dialog]");
    if (opener) open(byId(opener.dataset.dialog));
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    // A click on the backdrop reaches the dialog itself, but so does one on its padding.
    if (event.target instanceof HTMLDialogElement) {
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right
        && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) event.target.close();
    }
  }, true);
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.detail.elt.dataset.confirmYes, () => event.detail.issueRequest(true));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "sheet-body" && byId("sheet-body").childElementCount) open(byId("sheet"));
  });
  document.addEventListener("close-sheet", () => byId("sheet")?.close());
  byId("sheet")?.addEventListener("close", () => byId("sheet-body").replaceChildren());
})();
