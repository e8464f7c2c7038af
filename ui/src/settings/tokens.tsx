import { type FormEvent, useState } from "react";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { type Role, useSession } from "@/session/session.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Dialog } from "@/shared/dialog.tsx";
import { Status } from "@/shared/glyph.tsx";
import { Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { useNow } from "@/shared/use-now.ts";
import { toast } from "@/shell/toasts.ts";
import { CREATE_TOKEN, REVOKE_TOKEN, TOKEN_EVENTS, TOKENS, type TokenNow } from "./documents.ts";
import styles from "./settings.module.css";
import { standing } from "./token-state.ts";

const MOST = 200;
const ROLES: readonly (readonly [Role, string])[] = [
  ["VIEWER", "viewer: looks"],
  ["OPERATOR", "operator: lets things run"],
  ["DEPLOYER", "deployer: changes what is deployed"],
  ["ADMIN", "admin: lets others in"],
];

/** By what somebody may come in. */
export function Tokens() {
  const { data, problem, again } = useAnswer(TOKENS, { first: MOST }, { on: TOKEN_EVENTS });
  const [isNew, setNew] = useState(false);
  const tokens = data?.project.tokens.nodes;
  // once there is a first one nobody is let in without: who made it here would be out before they had read it
  const isByToken = useSession().actor.includes("(token ");
  return (
    <Panel
      title="Tokens"
      actions={
        isByToken && (
          <Act needs="ADMIN" primary onClick={() => setNew(true)}>
            New token
          </Act>
        )
      }
    >
      {problem && <Problem problem={problem} again={again} />}
      {!tokens && !problem && <Skeleton lines={3} height={36} />}
      {tokens?.length === 0 && (
        <p className={styles.none}>
          No tokens: the server is for this computer alone, and lets in whoever is at it. The first one, for an admin,
          is made by <code>latewood token create NAME --role admin</code>; from then on nobody comes in without.
        </p>
      )}
      {tokens && tokens.length > 0 && (
        <ul className={styles.tokens}>
          {tokens.map((token) => (
            <One key={token.id} of={token} again={again} />
          ))}
        </ul>
      )}
      {isNew && (
        <Create
          close={() => {
            setNew(false);
            again();
          }}
        />
      )}
    </Panel>
  );
}

function One({ of, again }: { of: TokenNow; again(): void }) {
  const project = useProject();
  const now = useNow(60_000);
  const { mark, word } = standing(of, now);

  async function revoke() {
    const done = await carryOut(REVOKE_TOKEN, { project, token: of.id }, (data) => data.revokeToken, "TokenRevoked");
    if (done) toast(`Nobody comes in by ${done.name} any more`);
    again();
  }

  return (
    <li>
      <Status mark={mark} word={word} />
      <strong>{of.name}</strong>
      <span>
        {of.role.toLowerCase()}
        {of.everywhere && ", of all projects"}
      </span>
      <span className={styles.mute}>
        by {of.createdBy.replace(/ \(token .*/, "")}, <Ago at={of.createdAt} />
      </span>
      <span className={styles.act}>
        {word === "usable" && !of.everywhere && (
          <Act needs="ADMIN" danger aria-label={`Revoke ${of.name}`} onClick={() => void revoke()}>
            Revoke
          </Act>
        )}
      </span>
    </li>
  );
}

function Create({ close }: { close(): void }) {
  const project = useProject();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("VIEWER");
  const [days, setDays] = useState("90");
  const [made, setMade] = useState<string | null>(null);

  async function create(event: FormEvent) {
    event.preventDefault();
    const asked = { project, name: name.trim(), role, days: Number(days) };
    const done = await carryOut(CREATE_TOKEN, asked, (data) => data.createToken, "TokenCreated");
    if (done) setMade(done.text);
  }

  if (made !== null) {
    return (
      <Dialog title={`Token ${name.trim()}`} close={close}>
        <div className={styles.form}>
          <p>It is shown this once. Whoever has it may come in by it.</p>
          <code className={styles.made}>{made}</code>
          <div className={styles.acts}>
            <Button
              primary
              icon="copy"
              onClick={() => void navigator.clipboard.writeText(made).then(() => toast("Copied"))}
            >
              Copy
            </Button>
            <Button onClick={close}>Done</Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" close={close}>
      <form className={styles.form} onSubmit={(event) => void create(event)}>
        <label className={styles.field}>
          Name
          <input value={name} onChange={(event) => setName(event.target.value)} required spellCheck={false} />
        </label>
        <div className={styles.field}>
          Role
          <Select
            label="Role"
            value={role}
            change={(value) => setRole(ROLES.find(([one]) => one === value)?.[0] ?? "VIEWER")}
            options={ROLES}
          />
        </div>
        <label className={styles.field}>
          Days until it expires
          <input type="number" min="1" value={days} onChange={(event) => setDays(event.target.value)} required />
        </label>
        <div className={styles.acts}>
          <Button type="submit" primary disabled={!name.trim() || !(Number(days) >= 1)}>
            Create
          </Button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
