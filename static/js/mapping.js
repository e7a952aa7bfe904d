// The fields of a new attribute stand open only in the rows that make one.
(() => {
  const form = document.querySelector("[data-mapping]");
  if (!form) return;
  form.addEventListener("change", (event) => {
    if (!event.target.matches("[data-means]")) return;
    const fields = event.target.closest("tr").querySelector("[data-new-attribute]");
    if (fields) fields.hidden = event.target.value !== form.dataset.new;
  });
})();
