import type { ButtonHTMLAttributes } from "react";
import { useView } from "@/address/use-address.ts";
import { allows, type Role, useSession } from "@/session/session.ts";
import styles from "./button.module.css";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icons.ts";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** The one thing that a page is for; at most one of a page. */
  primary?: boolean;
  danger?: boolean;
  quiet?: boolean;
  icon?: IconName;
}

export function Button({ primary, danger, quiet, icon, children, className, ...rest }: Props) {
  const kind = primary ? styles.primary : danger ? styles.danger : quiet ? styles.quiet : "";
  return (
    <button type="button" className={`${styles.button} ${kind} ${className ?? ""}`} {...rest}>
      {icon && <Icon name={icon} size={15} />}
      {children}
    </button>
  );
}

/** A button that changes something: not there for who may not, and off where the past is shown. */
export function Act({ needs, ...rest }: Props & { needs: Role }) {
  const { role } = useSession();
  const { asOf } = useView();
  if (!allows(role, needs)) return null;
  if (asOf === null) return <Button {...rest} />;
  return <Button {...rest} disabled title="The past is shown, which nobody can change. Return to now first." />;
}
