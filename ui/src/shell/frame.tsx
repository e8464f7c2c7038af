import { type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { ROUTES } from "@/address/routes.ts";
import { useChange, useGo, useParam, useView } from "@/address/use-address.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { stepped } from "@/moment/moment.ts";
import { PastBar } from "@/moment/past-bar.tsx";
import { PAGES } from "@/pages.ts";
import { position } from "@/server/client.ts";
import { useSession } from "@/session/session.ts";
import { coming } from "@/shared/coming.tsx";
import { Banner } from "./banner.tsx";
import styles from "./frame.module.css";
import { Navigation } from "./navigation.tsx";
import { Palette } from "./palette.tsx";
import { Toasts } from "./toasts.tsx";
import { TopBar } from "./top-bar.tsx";
import { useShortcuts } from "./use-shortcuts.ts";

const Help = coming(() => import("./help.tsx"));
const Materialize = coming(() => import("@/materialize/materialize.tsx"));

type Over = "palette" | "actions" | "help" | "moment" | null;

/** What stays while pages come and go. */
export function Frame({ children }: { children: ReactNode }) {
  const [over, setOver] = useState<Over>(null);
  const [path] = useLocation();
  const { asOf } = useView();
  const session = useSession();
  const change = useChange();
  const go = useGo();
  const isMaking = useParam("do") === "materialize";
  const materialize = useMaterialize();

  // biome-ignore lint/correctness/useExhaustiveDependencies: another page lies under nothing
  useEffect(() => setOver(null), [path]);
  useEffect(() => void preload(), []);

  function step(by: -1 | 1) {
    if (session.position) change({ asOf: stepped(session.position, by, position.get()) });
  }

  useShortcuts(
    [
      { keys: "mod+k", label: "Find anything", whileTyping: true, run: () => setOver("palette") },
      { keys: "/", label: "Find anything", run: () => setOver("palette") },
      { keys: ".", label: "What can be done here", run: () => setOver("actions") },
      { keys: "?", label: "Keyboard shortcuts", run: () => setOver("help") },
      { keys: "t", label: "Look at another moment", run: () => setOver("moment") },
      { keys: "m", label: "Materialize", run: () => materialize() },
      { keys: "[", label: "One event back", run: () => step(-1) },
      { keys: "]", label: "One event on", run: () => step(1) },
      ...(asOf === null ? [] : [{ keys: "escape", label: "Return to now", run: () => change({ asOf: null }) }]),
      ...ROUTES.flatMap(({ navigation, path: to, title }) =>
        navigation ? [{ keys: navigation.keys, label: `Go to ${title}`, run: () => go(to) }] : [],
      ),
    ],
    "ground",
  );

  return (
    <div className={styles.frame} data-past={asOf !== null || undefined}>
      <a className={styles.skip} href="#page">
        Skip to the page
      </a>
      <TopBar
        find={() => setOver("palette")}
        isMomentOpen={over === "moment"}
        openMoment={(is) => setOver(is ? "moment" : null)}
      />
      <Navigation help={() => setOver("help")} />
      <div className={styles.page}>
        <PastBar />
        <Banner />
        <main id="page" className={styles.main} tabIndex={-1}>
          {children}
        </main>
      </div>
      <Toasts />
      {(over === "palette" || over === "actions") && (
        <Palette begun={over === "actions" ? ">" : ""} close={() => setOver(null)} />
      )}
      {over === "help" && <Help close={() => setOver(null)} />}
      {isMaking && <Materialize />}
    </div>
  );
}

/** Pages are there before somebody goes to them: one after another, each when there is nothing else to do. */
async function preload(): Promise<void> {
  for (const { load } of Object.values(PAGES)) {
    await idle();
    await load().catch(() => {}); // who goes there is told
  }
}

function idle(): Promise<void> {
  return new Promise((is) => {
    if ("requestIdleCallback" in window) requestIdleCallback(() => is());
    else setTimeout(is, 200);
  });
}
