// Filters apply themselves: at once on a choice, 400 ms after the last letter of a search.
(() => {
  let timer;
  const submit = (form) => {
    clearTimeout(timer);
    // Empty filters stay out of the URL.
    const empty = [...form.elements].filter((el) => el.name && !el.disabled && el.value === "" && el.type !== "submit");
    empty.forEach((el) => { el.disabled = true; });
    form.requestSubmit();
    empty.forEach((el) => { el.disabled = false; });
  };
  const form = (event) => event.target.closest("form[data-autosubmit]");
  document.addEventListener("change", (event) => {
    if (form(event) && event.target.type !== "search") submit(form(event));
  });
  document.addEventListener("input", (event) => {
    if (!form(event) || event.target.type !== "search") return;
    clearTimeout(timer);
    timer = setTimeout(submit, 400, form(event));
  });
  // After the page came back for a search, the cursor stands where it stood.
  const searched = document.querySelector("form[data-autosubmit] input[type=search]");
  if (searched?.value && document.activeElement === document.body) {
    searched.focus({ preventScroll: true });
    searched.setSelectionRange(searched.value.length, searched.value.length);
  }
})();
