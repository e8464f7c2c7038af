// @vitest-environment happy-dom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { App } from "./app.tsx";

test("the application says its name", () => {
  render(<App />);
  expect(screen.getByRole("main").textContent).toBe("Latewood");
});
