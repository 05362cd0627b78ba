// Conveniences of the pages that show pictures: each works without them.
(function () {
  "use strict";

  // A sharp picture ends after its seconds, and at once when the page is out of sight. Without script the page itself ends.
  var shown = document.querySelector(".shown[data-seconds]");
  if (shown) {
    var end = function () {
      if (shown.dataset.back) { location.replace(shown.dataset.back); return; }
      shown.querySelectorAll("img[data-blurred]").forEach(function (img) { img.src = img.dataset.blurred; });
      shown.querySelectorAll("image[data-blurred]").forEach(function (img) { img.setAttribute("href", img.dataset.blurred); });
    };
    setTimeout(end, Number(shown.dataset.seconds) * 1000);
    document.addEventListener("visibilitychange", function () { if (document.hidden) end(); });
    window.addEventListener("pagehide", end);
  }

  // A picture can be dropped or pasted in place of being chosen.
  var drop = document.querySelector("form[data-drop]");
  if (drop && window.DataTransfer) {
    var input = drop.querySelector("input[type=file]");
    drop.querySelectorAll("[data-script]").forEach(function (el) { el.hidden = false; });
    var take = function (files) {
      var pictures = Array.prototype.filter.call(files, function (f) { return /^image\//.test(f.type); });
      if (!pictures.length) return false;
      var list = new DataTransfer();
      list.items.add(pictures[0]);
      input.files = list.files;
      drop.requestSubmit();
      return true;
    };
    document.addEventListener("paste", function (e) { if (e.clipboardData && take(e.clipboardData.files)) e.preventDefault(); });
    document.addEventListener("dragover", function (e) { e.preventDefault(); drop.classList.add("over"); });
    document.addEventListener("dragleave", function (e) { if (!e.relatedTarget) drop.classList.remove("over"); });
    document.addEventListener("drop", function (e) { e.preventDefault(); drop.classList.remove("over"); take(e.dataTransfer.files); });
  }

  // A form that is answered with a file leaves its page in place, and may be sent again.
  document.querySelectorAll("form[data-again]").forEach(function (f) {
    f.addEventListener("submit", function () { setTimeout(function () { delete f.dataset.sent; }, 2000); });
  });
})();

// How a query may go on, below its field; a click or Enter on one puts it in.
(function () {
  "use strict";
  document.querySelectorAll("input[data-complete]").forEach(function (box) {
    var list = box.form.querySelector("[data-completions]");
    var wait = 0, asked = 0;
    var show = function (found) {
      list.replaceChildren();
      found.forEach(function (c) {
        var b = document.createElement("button");
        b.type = "button";
        b.className = "quiet";
        b.textContent = c.text + (c.note ? " " + c.note : "");
        b.addEventListener("click", function () {
          box.value = c.query;
          box.focus();
          box.setSelectionRange(c.at, c.at);
          ask();
        });
        list.append(b);
      });
      list.hidden = found.length === 0;
    };
    var ask = function () {
      var mine = ++asked;
      fetch(box.dataset.complete + "?" + new URLSearchParams({ q: box.value, at: box.selectionStart }))
        .then(function (r) { return r.ok ? r.json() : []; })
        .then(function (found) { if (mine === asked) show(found); })
        .catch(function () { show([]); });
    };
    box.addEventListener("input", function () {
      clearTimeout(wait);
      wait = setTimeout(ask, 150);
    });
  });
})();
