// Comfort on the review page: a tab shows its document without loading the page again.
// Without this script each tab is an ordinary link to the same page with that document in the viewer.
"use strict";

const tabs = document.querySelectorAll(".document-tabs a");

for (const tab of tabs) {
  tab.addEventListener("click", (event) => {
    const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    const viewer = document.querySelector("iframe.viewer");
    if (opensElsewhere || !viewer || viewer.offsetParent === null) return;
    event.preventDefault();
    // A fresh frame instead of a new address in the old one: the back button keeps leading to the list.
    const fresh = viewer.cloneNode(false);
    fresh.src = tab.dataset.document;
    viewer.replaceWith(fresh);
    for (const other of tabs) other.removeAttribute("aria-current");
    tab.setAttribute("aria-current", "true");
  });
}
