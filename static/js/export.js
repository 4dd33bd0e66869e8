/* While an export is being made: its page's changing part is fetched again every two seconds and put in place. */
(function () {
  "use strict";

  var EVERY = 2000;
  var said = document.getElementById("export-said");

  function state() {
    return document.getElementById("export-state");
  }

  function lookAgain() {
    fetch(window.location.href, { credentials: "same-origin", cache: "no-store" })
      .then(function (response) {
        if (!response.ok || response.redirected) throw new Error("answered " + response.status);
        return response.text();
      })
      .then(function (html) {
        var fresh = new DOMParser().parseFromString(html, "text/html").getElementById("export-state");
        if (fresh) putInPlace(fresh);
      })
      .catch(function () {
        /* The server may be busy; the next look tells. */
      })
      .then(function () {
        if (state().hasAttribute("data-looks-again")) window.setTimeout(lookAgain, EVERY);
      });
  }

  function putInPlace(fresh) {
    var bar = state().querySelector("progress");
    var freshBar = fresh.querySelector("progress");
    if (bar && freshBar) {
      /* Only numbers and words, so that the focus stays on the link beside them. */
      bar.max = freshBar.max;
      bar.value = freshBar.value;
      state().querySelector("label").textContent = fresh.querySelector("label").textContent;
      state().querySelector(".export-count").textContent = fresh.querySelector(".export-count").textContent;
      return;
    }
    state().replaceWith(document.importNode(fresh, true));
    said.textContent = state().querySelector("p").textContent;
  }

  window.setTimeout(lookAgain, EVERY);
})();
