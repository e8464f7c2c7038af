// Strokes on a grid of 24, after Lucide (ISC).
export const ICONS = {
  home: "M3 10.5 12 3l9 7.5V20a1 1 0 0 1-1 1h-5v-7H9v7H4a1 1 0 0 1-1-1z",
  assets: "M12 2.5 21 7.5v9l-9 5-9-5v-9zM3.3 7.7 12 12.5l8.7-4.8M12 12.5V21",
  lineage: "M6 3.5v11M18 9.5v3a4 4 0 0 1-4 4H9M6 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  runs: "M7 4.5v15l12-7.5z",
  backfills: "M12 2.5 2.5 7.5 12 12.5l9.5-5zM2.5 12l9.5 5 9.5-5M2.5 16.5l9.5 5 9.5-5",
  automations: "M13 2 4 14h7l-1 8 9-12h-7z",
  log: "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
  deployments: "M12 15V3M7 8l5-5 5 5M4 15v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4",
  environments: "M4 4h6v6H4zM14 14h6v6h-6zM10 7h4a3 3 0 0 1 3 3v4",
  settings:
    "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2v3M12 19v3M4.9 4.9 7 7M17 17l2.1 2.1M2 12h3M19 12h3M4.9 19.1 7 17M17 7l2.1-2.1",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM21 21l-4.9-4.9",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  close: "M6 6l12 12M18 6 6 18",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  down: "M6 9l6 6 6-6",
  check: "M4.5 12.5 10 18 20 6.5",
  undo: "M4 9h10a6 6 0 0 1 0 12h-3M8 5 4 9l4 4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  moon: "M20.5 14.5A8.5 8.5 0 1 1 9.5 3.5a7 7 0 0 0 11 11z",
  screen: "M3 4.5h18v12H3zM8.5 20.5h7M12 16.5v4",
  out: "M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4M16 16l4-4-4-4M20 12H9",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  why: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.3 9.2a2.8 2.8 0 0 1 5.4 1c0 1.8-2.7 2.4-2.7 3.8M12 17.2h.01",
} as const;

export type IconName = keyof typeof ICONS;
