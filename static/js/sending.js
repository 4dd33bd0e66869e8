// Sends the form once, and not before its files have arrived.

import { noteSending } from "./device.js";
import { failedLines, filesOnTheirWay, isAnyLost, leadToFailed, sendWithTheForm } from "./uploads.js";
import { say } from "./words.js";

const ONCE = 10_000; // milliseconds; afterwards the button works again, in case the browser was told to stop

const form = document.getElementById("apply-form");
const waiting = document.getElementById("waiting");
let pressed = null; // the button that waits for the files
let sentAt = -Infinity;

const isBeingSent = () => performance.now() - sentAt < ONCE;

export function sendOnceAllIsThere() {
  form.addEventListener("submit", onSubmit);
  form.addEventListener("files-changed", onFilesChanged);
  waiting.querySelector('[data-verb="stop"]').addEventListener("click", stopWaiting);
  waiting.querySelector('[data-verb="plain"]').addEventListener("click", sendWithTheForm);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) sentAt = -Infinity; // the back button has led here
  });
  window.addEventListener("beforeunload", (event) => {
    if (filesOnTheirWay().length && !isBeingSent()) event.preventDefault();
  });
}

function onSubmit(event) {
  if (event.submitter?.name === "language") return; // shows the same form again; files go on from there
  const failed = failedLines();
  if (isBeingSent()) {
    event.preventDefault();
  } else if (failed.length) {
    event.preventDefault();
    leadToFailed(failed[0], say(failed.length === 1 ? "failed-one" : "failed", { number: failed.length }));
  } else if (filesOnTheirWay().length) {
    event.preventDefault();
    waitFor(event.submitter);
  } else {
    sentAt = performance.now();
    noteSending(form.dataset.project);
  }
}

function waitFor(button) {
  pressed = button;
  onFilesChanged();
  waiting.hidden = false;
  waiting.focus();
}

function waitingSentence(number) {
  const isPreview = pressed.name === "action" && pressed.value === "preview";
  const words = isPreview ? "waiting-to-check" : "waiting";
  return say(number === 1 ? `${words}-one` : words, { number });
}

function stopWaiting() {
  const button = pressed;
  pressed = null;
  waiting.hidden = true;
  button?.focus();
}

function onFilesChanged() {
  if (pressed === null) return;
  const number = filesOnTheirWay().length;
  if (number) {
    const sentence = waitingSentence(number);
    const place = waiting.querySelector("p");
    if (place.textContent !== sentence) place.textContent = sentence;
    waiting.querySelector('[data-verb="plain"]').hidden = !isAnyLost();
    return;
  }
  const button = pressed;
  stopWaiting();
  form.requestSubmit(button);
}
