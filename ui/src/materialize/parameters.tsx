import { type RefObject, useEffect, useRef, useState } from "react";
import { useView } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Select } from "@/shared/select.tsx";
import { type Asked, trials, triedIn } from "./asked.ts";
import { askedOf, type Draft, fieldsOf, withAnother, without, withValue } from "./draft.ts";
import { Field } from "./field.tsx";
import { hintOf, kindOf, textOf } from "./fields.ts";
import styles from "./parameters.module.css";
import type { Taken, Takes } from "./takes.ts";

interface Props {
  takes: readonly Takes[];
  /** How many more assets are meant, of which it is not known what they take. */
  unknown: number;
  asked: Asked;
  ask(more: Partial<Asked>): void;
  /** Whether all that is written is asked for. */
  settled(is: boolean): void;
}

/** So many tasks have a form; of a thousand nobody would find anything. */
const FORMS_MAX = 20;
const SETTLED_MS = 300;

/** Values of parameters, as a form or as the JSON that it means; of each several may be tried. */
export function Parameters({ takes, unknown, asked, ask, settled }: Props) {
  const [isJson, setJson] = useState(false);
  const unsent = useRef<(() => void) | null>(null);
  function write(asJson: boolean) {
    unsent.current?.(); // what was written last moves with whoever wrote it
    setJson(asJson);
  }
  return (
    <section className={styles.of} aria-label="Parameters">
      <header className={styles.head}>
        <h3>Parameters</h3>
        <span className={styles.tabs} role="group" aria-label="Write them as">
          <Button aria-pressed={!isJson} onClick={() => write(false)}>
            Form
          </Button>
          <Button aria-pressed={isJson} onClick={() => write(true)}>
            JSON
          </Button>
        </span>
      </header>
      {isJson ? (
        <Json asked={asked} ask={ask} settled={settled} unsent={unsent} />
      ) : (
        <Form takes={takes} unknown={unknown} asked={asked} ask={ask} settled={settled} unsent={unsent} />
      )}
      <Sweep asked={asked} ask={ask} />
    </section>
  );
}

interface Writing extends Props {
  /** Asks at once for what is written and was not asked for yet; null where there is nothing of it. */
  unsent: RefObject<(() => void) | null>;
}

function Form({ takes, unknown, asked, ask, settled, unsent }: Writing) {
  const [draft, setDraft] = useState<Draft>(asked.tried);
  const sent = useRef(JSON.stringify(asked.tried));
  const now = JSON.stringify(asked.tried);
  useEffect(() => {
    if (now !== sent.current) setDraft(JSON.parse(now)); // it was changed elsewhere, as by "back"
    sent.current = now;
  }, [now]);
  const tried = askedOf(draft);
  useSettled(tried === null ? null : JSON.stringify(tried), now, settled, unsent, (text) => {
    sent.current = text;
    ask({ tried: JSON.parse(text) });
  });

  const more = [
    takes.length > FORMS_MAX && counted(takes.length - FORMS_MAX, "task"),
    unknown > 0 && `whatever ${counted(unknown, "asset")} beyond these take`,
  ].filter(Boolean);
  return (
    <>
      {takes.slice(0, FORMS_MAX).map(({ assets, parameters }) => (
        <div key={assets[0]} className={styles.task}>
          {takes.length > 1 && <h4>{assets.join(", ")}</h4>}
          {parameters.map((taken) => (
            <Parameter key={taken.key} taken={taken} draft={draft} set={setDraft} />
          ))}
        </div>
      ))}
      {more.length > 0 && <p className={styles.sweep}>And {more.join(", and ")}: write these as JSON.</p>}
    </>
  );
}

function Parameter({ taken, draft, set }: { taken: Taken; draft: Draft; set(draft: Draft): void }) {
  const { key, name, schema, standing, isPinned, isFixed } = taken;
  const values = fieldsOf(draft, key);
  const isSeveral = values.length > 1;
  if (isFixed)
    return (
      <div className={styles.parameter}>
        <span className={styles.name}>
          {name}
          <small>fixed</small>
        </span>
        <code className={styles.fixed}>{textOf(standing)}</code>
      </div>
    );
  return (
    <div className={styles.parameter}>
      <span className={styles.name}>
        {name}
        <small>{isPinned ? "pinned" : standing === undefined ? "required" : hintOf(kindOf(schema, schema))}</small>
      </span>
      <div className={styles.values}>
        {values.map((value, n) => (
          <div key={n} className={styles.value}>
            <Field
              label={isSeveral ? `${name}, value ${n + 1}` : name}
              schema={schema}
              root={schema}
              value={value}
              standing={standing === undefined || standing === null ? "" : textOf(standing)}
              change={(found) => set(withValue(draft, key, n, found))}
            />
            {isSeveral && (
              <Button
                quiet
                icon="close"
                aria-label={`Do not try value ${n + 1} of ${name}`}
                onClick={() => set(without(draft, key, n))}
              />
            )}
          </div>
        ))}
      </div>
      <Button
        quiet
        aria-label={`Try another value of ${name}`}
        title="Try another value too"
        onClick={() => set(withAnother(draft, key))}
      >
        +
      </Button>
    </div>
  );
}

const COMPLAINT = 'expected each parameter with a list of values to try, as in {"train.depth": [3, 6]}';

function Json({ asked, ask, settled, unsent }: Omit<Writing, "takes" | "unknown">) {
  const [text, setText] = useState(() =>
    Object.keys(asked.tried).length > 0 ? JSON.stringify(asked.tried, null, 2) : "",
  );
  const tried = triedIn(text);
  const now = JSON.stringify(asked.tried);
  useSettled(tried && JSON.stringify(tried), now, settled, unsent, (found) => ask({ tried: JSON.parse(found) }));
  return (
    <div className={styles.json}>
      <textarea
        aria-label="Parameters as JSON"
        aria-invalid={tried === null}
        aria-describedby="parameters-json"
        rows={Math.max(4, Math.min(14, text.split("\n").length))}
        placeholder={'{"train.depth": [3, 6]}'}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <p id="parameters-json" data-wrong={tried === null || undefined}>
        {tried === null ? COMPLAINT : "Each parameter with the values to try; one alone holds throughout."}
      </p>
    </div>
  );
}

/** Asks for what is written once nobody has typed for a moment; null is nothing that can be asked for. */
function useSettled(
  text: string | null,
  now: string,
  settled: (is: boolean) => void,
  unsent: Writing["unsent"],
  send: (text: string) => void,
) {
  const last = useRef(send);
  useEffect(() => {
    last.current = send;
  });
  useEffect(() => {
    settled(text === now);
    if (text === null || text === now) return;
    const sendNow = () => last.current(text);
    unsent.current = sendNow;
    const timer = setTimeout(sendNow, SETTLED_MS);
    return () => {
      unsent.current = null;
      clearTimeout(timer);
    };
  }, [text, now, settled, unsent]);
  useEffect(() => () => settled(true), [settled]);
}

function Sweep({ asked, ask }: Pick<Props, "asked" | "ask">) {
  const { environment } = useView();
  const { tried, zipped } = asked;
  const all = Object.values(tried);
  const several = all.filter((values) => values.length > 1).length;
  const made = trials(tried, zipped);
  if (all.length === 0) return null;
  return (
    <p className={styles.sweep}>
      {several > 1 && (
        <Select
          label="How values are combined"
          value={zipped ? "zip" : ""}
          options={[
            ["", "every combination"],
            ["zip", "the n-th of each together"],
          ]}
          change={(value) => ask({ zipped: value === "zip" })}
        />
      )}
      <span role="status">
        {made === null && "Expected as many values of each to try them together. "}
        {several > 0 && made !== null && `${counted(made, "variant")}. `}
        What is made with other parameters than those of {environment} is a variant: no head, before somebody makes it
        one.
      </span>
    </p>
  );
}
