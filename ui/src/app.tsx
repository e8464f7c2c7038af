import { useEffect } from "react";
import { Route, Switch } from "wouter";
import { ROUTES } from "@/address/routes.ts";
import { PAGES } from "@/pages.ts";
import { mustLogIn } from "@/server/client.ts";
import { Known } from "@/session/known.tsx";
import { Login } from "@/session/login.tsx";
import { useStore } from "@/shared/store.ts";
import { Broken } from "@/shell/broken.tsx";
import { Frame } from "@/shell/frame.tsx";
import { NoPage } from "@/shell/no-page.tsx";
import { followSystem } from "@/shell/theme.ts";

export function App() {
  const isAsked = useStore(mustLogIn);
  useEffect(followSystem, []);
  if (isAsked) return <Login />;
  return (
    <Known>
      <Frame>
        <Pages />
      </Frame>
    </Known>
  );
}

function Pages() {
  return (
    <Switch>
      {ROUTES.map(({ path, title }) => {
        const Page = PAGES[path];
        return (
          <Route key={path} path={path}>
            <Broken key={path}>
              <Titled title={title} />
              <Page />
            </Broken>
          </Route>
        );
      })}
      <Route>
        <NoPage />
      </Route>
    </Switch>
  );
}

function Titled({ title }: { title: string }) {
  useEffect(() => {
    document.title = `${title} · Latewood`;
  }, [title]);
  return null;
}
