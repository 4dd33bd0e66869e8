// Says under a long text how much room is left. Nothing that is pasted is cut off: what is too long is said instead.

import { say } from "./words.js";

const AFTER = 700; // milliseconds without a key, so that a screen reader is not interrupted at each
const FROM = 2000; // shorter fields need no count

export function countCharacters() {
  for (const field of document.querySelectorAll("#apply-form textarea[data-most]")) {
    if (Number(field.dataset.most) >= FROM) countIn(field);
  }
}

function countIn(field) {
  const most = Number(field.dataset.most);
  const count = document.createElement("p");
  count.className = "form-text character-count";
  count.setAttribute("role", "status");
  field.after(count);
  let timer;
  const show = () => {
    const number = field.value.length;
    const words = number > most ? "count-over" : "count";
    count.textContent = number ? say(words, { number, most, over: number - most }) : "";
    count.classList.toggle("is-over", number > most);
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, AFTER);
  });
  field.form.addEventListener("draft-cleared", show);
  show();
}
