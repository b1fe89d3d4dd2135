// The three things the page asks or tells in a dialog: the key, a confirmation, help.

/** Resolves to what the dialog was closed with, "" if it was dismissed. */
export function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** The API key, or "" if none is given. `problem` says why it is asked for. */
export async function askKey(problem) {
  const dialog = document.getElementById("ask-key");
  const input = dialog.querySelector("input");
  dialog.querySelector("[data-slot]").textContent = problem.detail;
  input.value = "";
  const answer = await ask(dialog);
  const key = input.value.trim();
  input.value = "";
  return answer === "ok" ? key : "";
}

/** Whether the person agrees. `verb` is what the button says. */
export async function confirmDialog(title, text, verb) {
  const dialog = document.getElementById("ask-confirm");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-slot]").textContent = text;
  dialog.querySelector(".danger").textContent = verb;
  return (await ask(dialog)) === "ok";
}

export function helpDialog() {
  return ask(document.getElementById("show-help"));
}
