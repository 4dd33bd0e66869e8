// The text that is typed in stays on this device until it is sent: through a reload, a closed tab, an empty battery.

import { forgetProject, readText, writeText } from "./device.js";
import { removeAllFiles } from "./uploads.js";
import { say } from "./words.js";

const AFTER = 500; // milliseconds without a key

const form = document.getElementById("apply-form");
const { project } = form.dataset;
let timer = null;

const isText = (field) =>
  field.name &&
  !["hidden", "file", "submit", "button", "checkbox", "radio"].includes(field.type) &&
  field.form === form &&
  !field.closest(".stays-empty"); // what a program has put there must not come back

const textFields = () => [...form.elements].filter(isText);

export function keepDraft() {
  restore();
  form.addEventListener("input", (event) => {
    if (!isText(event.target)) return;
    clearTimeout(timer);
    timer = setTimeout(save, AFTER);
  });
  window.addEventListener("pagehide", saveNow);
  document.addEventListener("visibilitychange", saveNow);
  form.addEventListener("submit", saveNow);
  document.querySelectorAll("[data-clears-draft]").forEach((button) => button.addEventListener("click", clear));
  document.getElementById("draft-is-kept").hidden = false;
}

function saveNow() {
  if (timer !== null) save();
}

/** Keep the text of this page's fields; what was kept for fields that are not in this page stays. */
function save() {
  clearTimeout(timer);
  timer = null;
  const text = { ...readText(project)?.text };
  for (const field of textFields()) {
    if (field.value) text[field.name] = field.value;
    else delete text[field.name];
  }
  writeText(project, Object.keys(text).length ? { at: Date.now(), text } : null);
}

/** Fill the fields that are still empty; what the server or the browser has put into one is newer. */
function restore() {
  const draft = readText(project);
  const isRestored = Object.entries(draft?.text ?? {}).map(([name, value]) => {
    const field = form.elements[name];
    if (!field || !isText(field) || field.value) return false;
    field.value = value;
    return true;
  });
  if (!isRestored.includes(true)) return;
  const language = document.documentElement.lang;
  const region = language === "en" ? "en-GB" : language; // “en” alone would be written as in the United States
  const time = new Intl.DateTimeFormat(region, { dateStyle: "long", timeStyle: "short" });
  document.getElementById("draft-from").textContent = say("draft-from", { time: time.format(draft.at) });
  document.getElementById("draft-note").hidden = false;
}

/** Empty the form, and forget what this device and the server have of it. */
function clear() {
  if (!window.confirm(say("draft-clear"))) return;
  clearTimeout(timer);
  timer = null;
  removeAllFiles();
  forgetProject(project);
  for (const field of textFields()) {
    if (field.options) field.selectedIndex = 0;
    else field.value = "";
  }
  form.elements.consent.checked = false;
  form.dispatchEvent(new Event("draft-cleared"));
  const note = document.getElementById("draft-note");
  note.querySelector("button").hidden = true;
  document.getElementById("draft-from").textContent = say("draft-cleared");
  note.hidden = false;
  note.focus();
}
