// A file may be dropped on its label; the name and size of what was chosen stand in it.
(() => {
  const drop = (event) => event.target.closest?.("[data-drop]");
  const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  const show = (label) => {
    const files = [...label.querySelector("input[type=file]").files];
    const name = label.querySelector("[data-drop-name]");
    if (name && files.length) name.textContent = files.map((file) => `${file.name} (${size(file.size)})`).join(", ");
    label.classList.toggle("has-file", files.length > 0);
  };
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const label = drop(event);
      if (!label) return;
      event.preventDefault();
      label.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind !== "drop") return;
      const input = label.querySelector("input[type=file]");
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
  document.addEventListener("change", (event) => { if (drop(event)) show(drop(event)); });
})();
