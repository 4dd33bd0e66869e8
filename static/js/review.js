// Keys for the review page, and a word of warning before typed text is lost. Everything here is a link, a button or a
// field of the page: an element with `data-key` is pressed by that key, a text field gets the focus.
"use strict";

const reviewPage = document.querySelector(".review-columns");
const keysAreOn = reviewPage.dataset.shortcuts === "on";
const keysDialog = document.getElementById("keys");
const ratingForm = document.getElementById("rating-form");

const takesText = (element) =>
  element.isContentEditable ||
  element.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])");

function press(element) {
  if (takesText(element)) {
    element.focus();
  } else {
    if (element.type === "radio") element.focus();
    element.click();
  }
}

function save(form) {
  const button = form.querySelector("[data-saves]") || form.querySelector("[type=submit]");
  if (button) form.requestSubmit(button);
}

document.addEventListener("keydown", (event) => {
  if (!keysAreOn || event.defaultPrevented || event.isComposing || event.repeat || keysDialog.open) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    const form = event.target.closest(".review-columns form") || ratingForm;
    if (!form) return;
    event.preventDefault();
    save(form);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || takesText(event.target)) return;
  const meant = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!meant) return;
  event.preventDefault();
  press(meant);
});

const showKeys = document.getElementById("show-keys");
showKeys.hidden = false;
showKeys.addEventListener("click", () => keysDialog.showModal());

// Text that was typed in another form than the one that is sent would be lost with the page.
const typedIn = new Set();
let isSending = null;

document.addEventListener("input", (event) => {
  if (event.target.form) typedIn.add(event.target.form);
});
document.addEventListener("submit", (event) => {
  isSending = event.target;
});
window.addEventListener("beforeunload", (event) => {
  for (const form of typedIn) if (form !== isSending) event.preventDefault();
  isSending = null;
});
