// `data-insert="{{name}}"` puts a placeholder where the cursor stands in the text, and lets the preview know.
(() => {
  // "Three others" turns the wheel before the preview asks.
  document.addEventListener("click", (event) => {
    const turn = event.target.closest("#other-people") && document.getElementById("turn");
    if (turn) turn.value = Number(turn.value) + 1;
  }, true);
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    const text = chip && document.getElementById(chip.dataset.into);
    if (!text) return;
    event.preventDefault();
    text.focus();
    text.setRangeText(chip.dataset.insert, text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
