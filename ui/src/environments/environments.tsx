import { type FormEvent, useState } from "react";
import { Link } from "@/address/link.tsx";
import { useChange, useView } from "@/address/use-address.ts";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { useSession } from "@/session/session.ts";
import { Act, Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { Dialog } from "@/shared/dialog.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { PageHead, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { toast } from "@/shell/toasts.ts";
import { Changes } from "./changes.tsx";
import { CREATE, DROP, ENVIRONMENT, ENVIRONMENT_EVENTS, PROMOTE } from "./documents.ts";
import styles from "./environments.module.css";

/** The environments of the project, what each has of its own, and how that becomes another one's. */
export default function Environments() {
  const { environments } = useSession();
  const [isNew, setNew] = useState(false);
  return (
    <div className={styles.page}>
      <PageHead
        title="Environments"
        actions={
          <Act needs="DEPLOYER" primary onClick={() => setNew(true)}>
            New environment
          </Act>
        }
      >
        <span role="status">{environments.length > 0 && counted(environments.length, "environment")}</span>
      </PageHead>
      {environments.length === 0 && <Skeleton lines={4} height={80} />}
      <div className={styles.all}>
        {environments.map((name) => (
          <One key={name} name={name} />
        ))}
      </div>
      {isNew && <Create close={() => setNew(false)} />}
    </div>
  );
}

type Asked = "promote" | "drop" | null;

function One({ name }: { name: string }) {
  const { data, problem, again } = useAnswer(ENVIRONMENT, { name }, { on: ENVIRONMENT_EVENTS });
  const { environment } = useView();
  const [asked, ask] = useState<Asked>(null);
  const found = data?.project.environment;
  const created = data?.project.created.nodes[0];
  return (
    <Panel
      title={name}
      actions={
        <span className={styles.acts}>
          {found?.base && (
            <>
              <Act needs="DEPLOYER" aria-label={`Promote ${name}`} onClick={() => ask("promote")}>
                Promote
              </Act>
              <Act needs="DEPLOYER" danger aria-label={`Drop ${name}`} onClick={() => ask("drop")}>
                Drop
              </Act>
            </>
          )}
        </span>
      }
    >
      {problem && <Problem problem={problem} again={again} />}
      {!found && !problem && <Skeleton lines={1} height={40} />}
      {found && (
        <div className={styles.said}>
          {name === environment ? (
            <Chips texts={["shown"]} />
          ) : (
            <Link to="/" params={{ env: name }}>
              Show it
            </Link>
          )}
          <span>
            {counted(found.assets.totalCount, "asset")}, {whole(found.fresh.totalCount)} fresh
          </span>
          {found.base && (
            <span className={styles.mute}>
              branched from {found.base}
              {found.basePosition !== null && ` at log ${whole(found.basePosition)}`}
            </span>
          )}
        </div>
      )}
      {found?.base && created && <Changes name={name} since={created.position} />}
      {asked === "promote" && found && <Promote name={name} base={found.base} close={() => ask(null)} />}
      {asked === "drop" && <Drop name={name} close={() => ask(null)} />}
    </Panel>
  );
}

function Create({ close }: { close(): void }) {
  const project = useProject();
  const { environment } = useView();
  const { environments } = useSession();
  const [name, setName] = useState("");
  const [base, setBase] = useState(environment);

  async function create(event: FormEvent) {
    event.preventDefault();
    const asked = { project, name: name.trim(), base };
    const done = await carryOut(CREATE, asked, (data) => data.createEnvironment, "EnvironmentCreated");
    if (!done) return;
    toast(`Environment ${asked.name} is there`);
    close();
  }

  return (
    <Dialog title="New environment" close={close}>
      <form className={styles.form} onSubmit={(event) => void create(event)}>
        <p>It has what another one has, and nothing is copied. What is made in it stays in it until it is promoted.</p>
        <label className={styles.field}>
          Name
          <input value={name} onChange={(event) => setName(event.target.value)} required spellCheck={false} />
        </label>
        <div className={styles.field}>
          From
          <Select
            label="From"
            value={base}
            change={setBase}
            options={[...environments.map((one): [string, string] => [one, one]), ["", "nothing"]]}
          />
        </div>
        <div className={styles.acts}>
          <Button type="submit" primary disabled={!name.trim()}>
            Create
          </Button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Promote({ name, base, close }: { name: string; base: string; close(): void }) {
  const project = useProject();

  async function promote() {
    const asked = { project, source: name, target: base };
    const done = await carryOut(PROMOTE, asked, (data) => data.promoteEnvironment, "EnvironmentPromoted");
    if (!done) return;
    const parts = [
      ...(done.assets ? [counted(done.assets.totalCount, "asset")] : []),
      counted(done.locations.length, "deployment"),
      counted(done.pinsCount, "parameter"),
    ];
    toast(`${name} was promoted to ${base}: ${parts.join(", ")}`);
    close();
  }

  return (
    <Dialog title={`Promote ${name} to ${base}`} close={close}>
      <div className={styles.form}>
        <p>
          What {name} has of its own becomes that of {base}: heads, deployments and parameters. Nothing is computed.
        </p>
        <div className={styles.acts}>
          <Button primary onClick={() => void promote()}>
            Promote to {base}
          </Button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </div>
    </Dialog>
  );
}

function Drop({ name, close }: { name: string; close(): void }) {
  const project = useProject();
  const { environment } = useView();
  const change = useChange();

  async function drop() {
    const done = await carryOut(DROP, { project, name }, (data) => data.dropEnvironment, "EnvironmentDropped");
    if (!done) return;
    toast(`Environment ${done.name} is no more`);
    close();
    if (name === environment) change({ env: null });
  }

  return (
    <Dialog title={`Drop ${name}`} close={close}>
      <div className={styles.form}>
        <p>What was not promoted is no one's head any more. That cannot be undone; the log keeps what was.</p>
        <div className={styles.acts}>
          <Button danger onClick={() => void drop()}>
            Drop {name}
          </Button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </div>
    </Dialog>
  );
}
