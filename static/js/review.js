// Keys for the review page. Everything here is a link, a button or a field of the page: an element with `data-key` is
// pressed by that key, a text field gets the focus.
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

// A key that bounces must not decide about the next student: it has led to this page, which would hear it once more.
const BOUNCE = 1000; // milliseconds from the page being there
const readyAt = performance.now();
const ledHere = sessionStorage.getItem("key");
sessionStorage.removeItem("key");
let isLeaving = false;
let isFirstKey = true;

const bounces = (key) => isFirstKey && key === ledHere && performance.now() - readyAt < BOUNCE;

window.addEventListener("pageshow", () => {
  isLeaving = false;
});

document.addEventListener("keydown", (event) => {
  if (isLeaving || !keysAreOn || event.defaultPrevented || event.isComposing || event.repeat || keysDialog.open) return;
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
  if (meant.type === "submit") {
    if (bounces(event.key)) return;
    sessionStorage.setItem("key", event.key);
    isLeaving = true;
    setTimeout(() => (isLeaving = false), 5000); // when nothing came of it, the keys work again
  }
  isFirstKey = false;
  press(meant);
});

const showKeys = document.getElementById("show-keys");
showKeys.hidden = false;
showKeys.addEventListener("click", () => keysDialog.showModal());

// What the address names is open when one comes back to it.
const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
if (named && named.tagName === "DETAILS") named.open = true;
