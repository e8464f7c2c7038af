import type { AnchorHTMLAttributes } from "react";
import { useSearch, Link as WouterLink } from "wouter";
import { hasPage } from "@/address/routes.ts";
import { addressOf, type Params } from "./address.ts";

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: string;
  params?: Params;
}

/** A link to another page in the same view; plain text where there is no such page. */
export function Link({ to, params = {}, children, ...rest }: Props) {
  const search = useSearch();
  if (!hasPage(to)) {
    return (
      <span className={rest.className} title={rest.title}>
        {children}
      </span>
    );
  }
  return (
    <WouterLink href={addressOf(to, params, search)} {...rest}>
      {children}
    </WouterLink>
  );
}
