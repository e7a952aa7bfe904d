// `/` searches, `?` lists the shortcuts, `g` and a letter goes to a page of the side bar.
(() => {
  let going = false;
  const typing = (el) => el.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const goingTo = going && document.querySelector(`#shortcuts a[data-key="${CSS.escape(event.key)}"]`);
    going = event.key === "g";
    if (goingTo) { event.preventDefault(); location.assign(goingTo.href); }
    else if (event.key === "/") { event.preventDefault(); document.getElementById("search")?.focus(); }
    else if (event.key === "?") { event.preventDefault(); document.getElementById("shortcuts")?.showModal(); }
  });
})();
