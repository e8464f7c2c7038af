import { useEffect, useId, useState } from "react";
import { Button } from "@/shared/button.tsx";
import styles from "./field.module.css";
import { hintOf, type Kind, kindOf, readAs, type Schema, textOf, Wrong, written } from "./fields.ts";

interface Props {
  label: string;
  schema: Schema;
  /** What definitions that it refers to are looked up in. */
  root: Schema;
  value: unknown;
  /** What holds where nothing is written, as a text. */
  standing: string;
  change(value: unknown): void;
}

/** A value, by whatever it may be. Nothing written is what holds without. */
export function Field(props: Props) {
  const { label, schema, root, value, change } = props;
  const kind = kindOf(schema, root);
  if (kind.kind === "list") return <List {...props} of={kind.of} />;
  if (kind.kind === "object")
    return (
      <fieldset className={styles.nested}>
        <legend className="unseen">{label}</legend>
        {kind.fields.map((one) => (
          <div key={one.name} className={styles.row}>
            <span aria-hidden="true">{one.name}</span>
            <Field
              label={`${label} ${one.name}`}
              schema={one.schema}
              root={root}
              value={
                typeof value === "object" && value !== null ? (value as Record<string, unknown>)[one.name] : undefined
              }
              standing={one.required ? "" : textOf(one.default)}
              change={(found) => change(written(value, one.name, found))}
            />
          </div>
        ))}
      </fieldset>
    );
  if (kind.kind === "choice" || kind.kind === "flag") return <Choice {...props} kind={kind} />;
  return <Text {...props} kind={kind} />;
}

function Choice({
  label,
  value,
  standing,
  change,
  kind,
}: Props & { kind: Extract<Kind, { kind: "choice" | "flag" }> }) {
  const values = kind.kind === "flag" ? [true, false] : kind.values;
  const at = values.indexOf(value);
  const nameOf = (one: unknown) => (one === true ? "yes" : one === false ? "no" : textOf(one));
  const isFlag = kind.kind === "flag" && standing !== "";
  return (
    <select
      className={styles.field}
      aria-label={label}
      value={at}
      onChange={(event) => change(values[Number(event.target.value)])}
    >
      <option value={-1}>{standing ? `${isFlag ? nameOf(standing === "true") : standing} (by default)` : "–"}</option>
      {values.map((one, n) => (
        <option key={n} value={n}>
          {nameOf(one)}
        </option>
      ))}
    </select>
  );
}

function Text({ label, value, standing, change, kind }: Props & { kind: Kind }) {
  const id = useId();
  const [typed, type] = useState(textOf(value));
  // what is written stays as it is written, unless it has become another value elsewhere
  useEffect(() => {
    type((before) => (textOf(readAs(kind, before)) === textOf(value) ? before : textOf(value)));
  }, [value, kind]);
  const isDate = kind.kind === "text" && kind.format === "date";
  return (
    <span className={styles.text}>
      <input
        className={styles.field}
        type={isDate ? "date" : "text"}
        inputMode={
          kind.kind === "number" ? (kind.isWhole && (kind.least ?? -1) >= 0 ? "numeric" : "decimal") : undefined
        }
        aria-label={label}
        aria-invalid={value instanceof Wrong}
        aria-describedby={id}
        placeholder={standing || hintOf(kind)}
        spellCheck={false}
        autoComplete="off"
        value={typed}
        onChange={(event) => {
          type(event.target.value);
          change(readAs(kind, event.target.value));
        }}
      />
      <span id={id} className={value instanceof Wrong ? styles.wrong : "unseen"}>
        {value instanceof Wrong ? value.why : hintOf(kind)}
      </span>
      {isDate && standing && value === undefined && <span className={styles.mute}>{standing} by default</span>}
    </span>
  );
}

function List({ label, root, value, standing, change, of }: Props & { of: Schema }) {
  const items = Array.isArray(value) ? value : [];
  const set = (all: readonly unknown[]) => change(all.length > 0 ? all : undefined);
  return (
    <fieldset className={styles.list}>
      <legend className="unseen">{label}</legend>
      {items.length === 0 && <span className={styles.mute}>{standing}</span>}
      {items.map((item, n) => (
        <span key={n} className={styles.item}>
          <Field
            label={`${label}, entry ${n + 1}`}
            schema={of}
            root={root}
            value={item instanceof Wrong && item.text === "" ? undefined : item}
            standing=""
            change={(found) => set(items.map((one, m) => (m === n ? (found ?? NOTHING_YET) : one)))}
          />
          <Button
            quiet
            icon="close"
            aria-label={`Remove entry ${n + 1} of ${label}`}
            onClick={() => set(items.filter((_, m) => m !== n))}
          />
        </span>
      ))}
      <Button aria-label={`Add an entry to ${label}`} onClick={() => set([...items, NOTHING_YET])}>
        Add
      </Button>
    </fieldset>
  );
}

/** An entry that nobody has written yet: a list has none that is nothing. */
const NOTHING_YET = new Wrong("", "expected a value");
