import { type FormEvent, useState } from "react";
import { HEADERS, mustLogIn } from "@/server/client.ts";
import { ownProject } from "@/server/project.ts";
import { refresh } from "@/server/reachability.ts";
import { Button } from "@/shared/button.tsx";
import { Wordmark } from "@/shell/wordmark.tsx";
import styles from "./login.module.css";

/** Logs in by a token, which is sent once: from then on a cookie stands for it that scripts cannot read. */
export function Login() {
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get("token");
    setBusy(true);
    setProblem(await logIn(String(token).trim()));
    setBusy(false);
  }

  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={send}>
        <Wordmark />
        <h1>Log in</h1>
        <label className={styles.label} htmlFor="token">
          Token
        </label>
        <input
          id="token"
          name="token"
          type="password"
          className={styles.field}
          autoComplete="current-password"
          placeholder="lw_…"
          required
          autoFocus
          aria-invalid={problem !== ""}
          aria-describedby="said"
        />
        <Button type="submit" primary disabled={isBusy}>
          Log in
        </Button>
        <p id="said" className={problem ? styles.problem : styles.hint} role={problem ? "alert" : undefined}>
          {problem || (
            <>
              Whoever administers this server makes one: <code>latewood token create NAME</code>
            </>
          )}
        </p>
      </form>
    </main>
  );
}

/** Why not; nothing where it went well. */
async function logIn(token: string): Promise<string> {
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { ...HEADERS, "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const said = await response.json();
    if (!response.ok) return said.errors?.[0]?.message ?? response.statusText;
    if (said.project) ownProject.set(said.project);
    mustLogIn.set(false);
    refresh();
    return "";
  } catch {
    return "The server does not answer.";
  }
}

export async function logOut(): Promise<void> {
  await fetch("/logout", { method: "POST", headers: HEADERS });
  location.reload(); // nothing of what was read stays
}
