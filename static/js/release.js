/* Comfort on the release page: how many are ticked, ticking without a round trip, and no personal line lost by a slip.
   Without this script the same buttons do the same by way of the server. */
(() => {
  const form = document.getElementById("release-form");
  if (!form) return;
  const count = form.querySelector("[data-count]");
  const boxes = [...form.querySelectorAll('input[name="decision"]:not(:disabled)')];
  const letters = [...form.querySelectorAll("details")];
  let typed = false;

  const tell = () => {
    count.hidden = false;
    count.textContent = `${boxes.filter((box) => box.checked).length} ${count.dataset.words}`;
  };

  form.addEventListener("change", tell);
  form.addEventListener("input", (event) => {
    if (event.target.matches("textarea")) typed = true;
  });
  form.addEventListener("submit", () => {
    typed = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (typed) event.preventDefault();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tick], [data-open]");
    if (!button) return;
    event.preventDefault();
    const wanted = button.dataset.tick;
    if (wanted === undefined) {
      letters.forEach((letter) => {
        letter.open = true;
      });
      return;
    }
    boxes.forEach((box) => {
      box.checked = wanted === "all" || box.dataset.group === wanted;
    });
    tell();
  });
  window.addEventListener("pageshow", tell);
})();
