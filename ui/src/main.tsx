import "@/shell/tokens.css";
import "@/shell/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { matches, PAGES } from "./pages.ts";

// The page that was asked for is on its way before all around it is drawn; what goes wrong it says itself.
PAGES.find((page) => matches(page, location.pathname))
  ?.Component.load()
  .catch(() => {});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
