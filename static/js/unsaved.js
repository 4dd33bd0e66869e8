// A word of warning before typed text is lost with the page, and one deed for a double click.
"use strict";

const typedIn = new Set();
let isSending = null;
let sentAt = -Infinity;

document.addEventListener("input", (event) => {
  if (event.target.form) typedIn.add(event.target.form);
});
document.addEventListener("submit", (event) => {
  if (event.timeStamp - sentAt < 1000) {
    event.preventDefault();
    return;
  }
  sentAt = event.timeStamp;
  isSending = event.target;
});
window.addEventListener("beforeunload", (event) => {
  // Text in another form than the one that is sent would be lost, too.
  for (const form of typedIn) if (form !== isSending) event.preventDefault();
  isSending = null;
});
