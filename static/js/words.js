// What the scripts of the apply page say. The words stand in the page (includes/apply_words.html), translated there.

const words = document.getElementById("apply-words").content;
const number = new Intl.NumberFormat(document.documentElement.lang);

/** The sentence `name`, its {places} filled from `values`. */
export function say(name, values = {}) {
  const sentence = words.querySelector(`[data-words="${name}"]`).textContent;
  return sentence.replace(/\{(\w+)\}/g, (place, key) => {
    const value = values[key] ?? place;
    return typeof value === "number" ? number.format(value) : value;
  });
}

/** Let a screen reader say it when it is done with what it says now. */
export function announce(sentence) {
  document.getElementById("apply-said").textContent = sentence;
}
