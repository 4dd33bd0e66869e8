// Comfort around the documents of the review page. Without this script the stylesheet chooses between the browser's
// viewer and the page images by the width alone, and each tab is a link to the same page with that document shown.
"use strict";

{
  const section = document.querySelector(".review-documents");
  const tabs = section.querySelectorAll(".document-tabs a");
  const back = section.querySelector(".viewer-return");
  const viewer = () => section.querySelector("iframe.viewer");

  // A phone's browser shows the first page in a frame, or none; a tablet's cannot scroll it; some have no viewer at all.
  const suitsViewer = window.matchMedia("(min-width: 62em) and (hover: hover)");
  const choose = () => {
    section.dataset.shows = navigator.pdfViewerEnabled && suitsViewer.matches ? "viewer" : "images";
  };
  choose();
  suitsViewer.addEventListener("change", choose);

  for (const tab of tabs) {
    tab.addEventListener("click", (event) => {
      const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
      // A document that nobody opens any more is a link to the page that says so.
      if (opensElsewhere || section.dataset.shows !== "viewer" || !tab.dataset.document || !viewer()) return;
      event.preventDefault();
      // A fresh frame instead of a new address in the old one: the back button keeps leading to the list.
      const fresh = viewer().cloneNode(false);
      fresh.src = tab.dataset.document;
      fresh.title = tab.dataset.title;
      viewer().replaceWith(fresh);
      for (const flags of section.querySelectorAll(".viewer-flags")) {
        flags.hidden = flags.dataset.of !== tab.dataset.document;
      }
      for (const other of tabs) other.removeAttribute("aria-current");
      tab.setAttribute("aria-current", "true");
    });
  }

  // Once the viewer has the keyboard, no key reaches this page any more. Say so, and offer the way back.
  if (back) {
    const viewerHasKeys = () => document.activeElement === viewer();
    window.addEventListener("blur", () => {
      if (viewerHasKeys()) back.hidden = false;
    });
    window.addEventListener("focus", () => {
      // Not at once: a click on the button gives the focus back before it counts as a click.
      setTimeout(() => {
        if (!viewerHasKeys() && document.activeElement !== back) back.hidden = true;
      }, 300);
    });
    back.addEventListener("click", () => {
      section.querySelector('.document-tabs [aria-current="true"]').focus();
      back.hidden = true;
    });
  }
}
