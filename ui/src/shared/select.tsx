import { Icon } from "./icon.tsx";
import styles from "./select.module.css";

interface Props {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  change(value: string): void;
}

export function Select({ label, value, options, change }: Props) {
  return (
    <label className={styles.of}>
      <span className="unseen">{label}</span>
      <select value={value} onChange={(event) => change(event.target.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
      <Icon name="down" size={13} />
    </label>
  );
}
