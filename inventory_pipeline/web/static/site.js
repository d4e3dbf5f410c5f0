// Tells the server which zone this browser is in, so that times are shown in it from the next page on.
document.cookie = "inventory_zone=" + encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC") +
  "; path=/; max-age=31536000; samesite=lax";
// A form that is sent twice by a double click does its work once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 3000);
});
