// The first view: its markup is in the page itself, so that it is there before any script.

import { namedFiles, readText } from "./files.js";

/** `take(named)` gets files, `takeSource(source)` what text says. */
export function prepareStart(section, take, takeSource) {
  section.querySelectorAll("[data-opens]").forEach((button) => {
    const input = section.querySelector(`#${button.dataset.opens}`);
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const named = namedFiles(input.files);
      input.value = "";
      take(named);
    });
  });
  prepareUrl(section.querySelector("form"), takeSource);
}

function prepareUrl(form, takeSource) {
  const input = form.querySelector("textarea");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) takeSource(readText(input.value));
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
}
