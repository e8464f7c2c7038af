import "@/shell/tokens.css";
import "@/shell/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { matches, ROUTES } from "@/address/routes.ts";
import { App } from "./app.tsx";
import { PAGES } from "./pages.ts";

// The page that was asked for is on its way before all around it is drawn; what goes wrong it says itself.
const asked = ROUTES.find((route) => matches(route, location.pathname));
if (asked) PAGES[asked.path].load().catch(() => {});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
