// Everything here is a convenience: each page works without it.
(function () {
  "use strict";
  var typing = function (el) { return /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || el.isContentEditable; };

  // One key map for all pages; off while typing. A page's own keys are elements with data-key.
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e.target)) return;
    if (e.key === "?") { location.href = "/keys"; return; }
    if (e.key === "/") {
      var box = document.querySelector("input[type=search]");
      if (box) { e.preventDefault(); box.focus(); }
      return;
    }
    if (e.key === "j" || e.key === "k") {
      var links = Array.prototype.slice.call(document.querySelectorAll("[data-row]"));
      var at = links.indexOf(document.activeElement);
      var to = links[e.key === "j" ? at + 1 : Math.max(at - 1, 0)];
      if (to) { e.preventDefault(); to.focus(); }
      return;
    }
    var own = document.querySelector('[data-key="' + CSS.escape(e.key) + '"]');
    if (own) { e.preventDefault(); own.click(); }
  });

  // A form is sent once, however often its button is pressed; the answer takes a moment on purpose.
  document.addEventListener("submit", function (e) {
    if (e.target.dataset.sent) { e.preventDefault(); return; }
    e.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (f) { delete f.dataset.sent; });
  });

  // The first complaint is where the eye should be.
  var bad = document.querySelector(".bad");
  if (bad) {
    var field = document.getElementById(bad.id.replace(/-bad$/, ""));
    if (field) { field.setAttribute("aria-invalid", "true"); field.focus(); }
  }
})();
