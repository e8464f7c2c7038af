import { useEffect } from "react";
import { usePathname } from "wouter/use-browser-location";
import { Link } from "@/address/link.tsx";
import { ROUTES } from "@/address/routes.ts";
import { Empty, PageHead } from "@/shared/panels.tsx";
import styles from "./no-page.module.css";

/** Where an address leads nowhere: what was asked for, and the ways that there are. */
export function NoPage() {
  const path = usePathname();
  useEffect(() => {
    document.title = "No such page · Latewood";
  }, []);
  return (
    <>
      <PageHead title="There is no such page" />
      <Empty title={path}>
        <ul className={styles.ways}>
          {ROUTES.map(
            ({ path: to, title, navigation }) =>
              navigation && (
                <li key={to}>
                  <Link to={to}>{title}</Link>
                </li>
              ),
          )}
        </ul>
      </Empty>
    </>
  );
}
