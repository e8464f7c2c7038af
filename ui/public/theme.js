// Sets the theme before anything is drawn; a file of its own, since pages here have no inline scripts.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("latewood.theme");
  } catch {
    // a browser that keeps nothing has the system's theme
  }
  if (theme !== "light" && theme !== "dark") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = theme;
})();
