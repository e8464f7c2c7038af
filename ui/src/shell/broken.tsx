import { Component, type ReactNode } from "react";
import { Button } from "@/shared/button.tsx";
import { Empty } from "@/shared/panels.tsx";

interface State {
  error: Error | null;
}

/** What a mistake in a page leaves of it; the frame and all else stay. */
export class Broken extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    // A page that was loaded before the server was replaced asks for parts that are there no more.
    const isOld = /dynamically imported module|Importing a module|module script/i.test(error.message);
    return (
      <Empty title={isOld ? "There is a newer version of this page" : "This page does not work"}>
        {!isOld && <code>{error.message}</code>}
        <Button primary onClick={() => (isOld ? location.reload() : this.setState({ error: null }))}>
          {isOld ? "Load it" : "Try again"}
        </Button>
      </Empty>
    );
  }
}
