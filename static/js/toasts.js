// Short answers in the corner: Django messages on a full page, `HX-Trigger: {"toast": …}` from a fragment.
(() => {
  const ICONS = { good: "circle-check", warn: "alert-triangle", bad: "alert-circle" };
  const box = () => document.getElementById("toasts");
  const ages = (toast) => {
    // What went wrong stays until it is read.
    if (toast.classList.contains("good")) setTimeout(() => toast.remove(), 6000);
  };
  const icon = (name, css = "") => {
    const sprite = box().dataset.sprite;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `ic ${css}`);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${sprite}#${name}`);
    svg.append(use);
    return svg;
  };
  const show = (text, level = "good") => {
    if (!box() || !text) return;
    const toast = document.createElement("div");
    toast.className = `toast-m ${level}`;
    const words = document.createElement("div");
    words.className = "grow";
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "x";
    close.dataset.toastClose = "";
    close.setAttribute("aria-label", box().dataset.closeText);
    close.append(icon("x", "ic-s"));
    toast.append(icon(ICONS[level] || ICONS.good), words, close);
    box().append(toast);
    ages(toast);
  };

  document.addEventListener("click", (event) => {
    event.target.closest("[data-toast-close]")?.closest(".toast-m").remove();
  });
  document.addEventListener("toast", (event) => show(event.detail.text, event.detail.level));
  document.addEventListener("htmx:responseError", (event) => {
    // A refusal with its own sentence has already raised a toast by its header.
    if (!/"toast"/.test(event.detail.xhr.getResponseHeader("HX-Trigger") || "")) {
      show(document.body.dataset.failedText, "bad");
    }
  });
  document.addEventListener("htmx:sendError", () => show(document.body.dataset.offlineText, "bad"));
  // Signed out meanwhile: a fragment must not show the sign-in page inside a card.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const login = document.body.dataset.loginUrl;
    if (login && new URL(event.detail.xhr.responseURL, location.href).pathname === login) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
  box()?.querySelectorAll(".toast-m").forEach(ages);
})();
