"use strict";

// the tag to copy, with the address this page came from
document.addEventListener("DOMContentLoaded", () => {
  const where = new URL("widget.js", location.href);
  document.getElementById("tag").textContent = `<script src="${where}" defer></script>`;
});
