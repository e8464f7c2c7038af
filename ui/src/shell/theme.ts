// Light or dark: as the system has it, unless somebody says otherwise. `public/theme.js` sets it before anything is drawn.
import { store } from "@/shared/store.ts";

export type Theme = "light" | "dark" | "system";

const KEPT = "latewood.theme";

export const theme = store<Theme>(kept());

function kept(): Theme {
  try {
    const found = localStorage.getItem(KEPT);
    return found === "light" || found === "dark" ? found : "system";
  } catch {
    return "system";
  }
}

export function setTheme(to: Theme): void {
  try {
    if (to === "system") localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, to);
  } catch {
    // it holds until the page is left
  }
  theme.set(to);
  show();
}

function show(): void {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const to = theme.get();
  document.documentElement.dataset.theme = to === "system" ? (isDark ? "dark" : "light") : to;
}

export function followSystem(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}
