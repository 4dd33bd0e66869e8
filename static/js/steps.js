// The list of steps says where one is and which steps are complete. Everything stays on one page, so that nothing that
// is to be mended can hide.

import { hasFile } from "./uploads.js";

const form = document.getElementById("apply-form");
const links = [...document.querySelectorAll(".steps a")];

export function markSteps() {
  for (const change of ["input", "change", "files-changed", "draft-cleared"]) form.addEventListener(change, mark);
  const seen = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => setCurrent(stepOf(entry.target))),
    { rootMargin: "-25% 0px -65%" },
  );
  sections().forEach((section) => seen.observe(section));
  form.addEventListener("focusin", (event) => {
    const section = event.target.closest("[data-step]");
    if (section) setCurrent(stepOf(section));
  });
  mark();
}

const sections = () => [...form.querySelectorAll("[data-step]")];
const stepOf = (section) => section.dataset.step;

function setCurrent(step) {
  for (const link of links) {
    if (link.dataset.for === step) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
}

function mark() {
  for (const link of links) {
    const own = sections().filter((section) => stepOf(section) === link.dataset.for);
    const isComplete = own.every(isSectionComplete);
    link.classList.toggle("is-complete", isComplete);
    link.querySelector(".step-state").hidden = !isComplete;
  }
}

function isSectionComplete(section) {
  const isFilledIn = !section.querySelector('[aria-invalid="true"], :invalid');
  return isFilledIn && [...section.querySelectorAll(".file-field[data-needed]")].every(hasFile);
}
