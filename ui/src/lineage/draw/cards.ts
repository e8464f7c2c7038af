import { MARKS } from "@/shared/marks.ts";
import { rectOf } from "../hits.ts";
import { SIZES } from "../layout/scene.ts";
import { CAUSE, EFFECT, SUBJECT } from "../lit.ts";
import { countsOf, shortName, spoken, worstOf } from "../names.ts";
import styles from "./cards.module.css";
import { glyphElement } from "./glyphs.ts";
import type { Picture } from "./picture.ts";

/** Elements of the document that there are at most, and that are made in one frame at most. */
export const CARDS_MAX = 300;
export const NEW_MAX = 40;

/** Cards as buttons, which are used again for other boxes when theirs are out of sight. */
export interface Cards {
  /**
   * Cards for these boxes and no others, the first ones if they are too many; those of `bare` are only there to be focused.
   * The tabulator key leads to `stop`. Returns true if some are to be made in the next frame.
   */
  show(picture: Picture, boxes: readonly number[], bare: ReadonlySet<number>, stop: number): boolean;
  /** Boxes have moved. */
  moved(picture: Picture): void;
  readonly drawn: ReadonlySet<number>;
  focus(box: number): void;
  nodeOf(element: Element): number;
}

export function cards(layer: HTMLElement): Cards {
  const byBox = new Map<number, HTMLButtonElement>();
  const bareNow = new Set<number>();
  const drawn = new Set<number>();
  const spare: HTMLButtonElement[] = [];
  let shown: Picture | null = null;
  let scene: unknown = null;

  const place = (picture: Picture, box: number, button: HTMLElement): void => {
    const { x, y, width, height } = rectOf(picture.scene, box);
    button.style.transform = `translate(${x}px, ${y}px)`;
    button.style.width = `${width}px`;
    button.style.height = `${picture.scene.isFrame[box] ? 40 : height}px`;
  };
  const fill = (picture: Picture, box: number, button: HTMLButtonElement): void => {
    const { graph, tree, rollUp, lit, subject } = picture;
    const node = picture.scene.node[box]!;
    const isGroup = node >= tree.assets;
    const isFrame = picture.scene.isFrame[box] === 1;
    const look = isGroup ? worstOf(tree, rollUp, node) : graph.look[node]!;
    const { ups, downs } = picture.linksOf(node);
    const mark = lit?.boxes[box] ?? -1;
    button.className = [
      styles.card,
      isFrame ? styles.frame : isGroup ? styles.group : styles.asset,
      bareNow.has(box) ? styles.bare : "",
    ].join(" ");
    button.dataset.node = String(node);
    button.dataset.look = MARKS[look];
    button.dataset.lit = mark === CAUSE ? "cause" : mark === EFFECT ? "effect" : mark === SUBJECT ? "within" : "";
    button.toggleAttribute("data-dim", mark === 0);
    button.toggleAttribute("data-slim", picture.scene.width[box]! < SIZES.card.width);
    const said = element("span", "unseen", spoken(graph, tree, rollUp, node, ups, downs));
    if (isGroup) button.setAttribute("aria-expanded", String(isFrame));
    else button.removeAttribute("aria-expanded");
    if (node === subject) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    button.title = tree.label[node]!;
    const name = element("span", styles.name, shortName(tree, node));
    if (!isGroup) {
      const age = picture.ages.get(graph.keys[node]!);
      const beside = age ?? (MARKS[look] === "fresh" ? "" : MARKS[look]!);
      button.replaceChildren(said, glyphElement(MARKS[look]!), ...unsaid(name, element("span", styles.word, beside)));
      return;
    }
    const total = rollUp.total[node - tree.assets]!;
    const marked = lit ? rollUp.marked[node - tree.assets]! : 0;
    const count = element("span", styles.count, lit && marked ? `${marked} of ${total}` : String(total));
    const bad = countsOf(tree, rollUp, node)
      .filter(({ look: one }) => MARKS[one] !== "fresh")
      .slice(0, isFrame ? 4 : 3)
      .map(({ look: one, count: of }) => {
        const badge = element("span", styles.badge);
        badge.dataset.look = MARKS[one];
        badge.append(glyphElement(MARKS[one]!), String(of));
        return badge;
      });
    const toggle = element("span", styles.toggle, isFrame ? "−" : "+");
    toggle.dataset.toggle = "";
    const bar = element("span", styles.bar);
    for (const { look: one, count: of } of countsOf(tree, rollUp, node)) {
      const share = element("i", "");
      share.dataset.look = MARKS[one];
      share.style.flexGrow = String(of);
      bar.append(share);
    }
    if (isFrame) button.replaceChildren(said, ...unsaid(name, ...bad, count, toggle));
    else {
      const below = element("span", styles.below);
      below.append(bar, ...bad);
      button.replaceChildren(said, ...unsaid(name, count, toggle, below));
    }
  };
  const free = (box: number): void => {
    const button = byBox.get(box);
    if (!button) return;
    byBox.delete(box);
    drawn.delete(box);
    // the one that has the focus is not taken away under somebody's fingers before another one takes it
    button.remove();
    if (spare.length < CARDS_MAX) spare.push(button);
  };

  return {
    drawn,
    show(picture, boxes, bare, stop) {
      const wanted = new Set(boxes.slice(0, CARDS_MAX));
      if (scene !== picture.scene.node) {
        // the same numbers are other boxes now; an element goes on with its node
        const at = new Map<number, HTMLButtonElement>();
        for (const button of byBox.values()) at.set(Number(button.dataset.node), button);
        byBox.clear();
        drawn.clear();
        for (const box of wanted) {
          const button = at.get(picture.scene.node[box]!);
          if (!button) continue;
          at.delete(picture.scene.node[box]!);
          byBox.set(box, button);
        }
        for (const button of at.values()) {
          button.remove();
          if (spare.length < CARDS_MAX) spare.push(button);
        }
        scene = picture.scene.node;
        shown = null;
      }
      for (const box of [...byBox.keys()]) if (!wanted.has(box)) free(box);
      const isOther = shown !== picture;
      let made = 0;
      let more = false;
      for (const box of wanted) {
        const isBare = bare.has(box);
        let button = byBox.get(box);
        const isNew = !button;
        if (!button) {
          if (made >= NEW_MAX) {
            more = true;
            continue;
          }
          made++;
          button = spare.pop() ?? document.createElement("button");
          button.type = "button";
          byBox.set(box, button);
        }
        if (isNew || isOther || bareNow.has(box) !== isBare) {
          if (isBare) bareNow.add(box);
          else bareNow.delete(box);
          fill(picture, box, button);
          place(picture, box, button);
        }
        if (isNew) layer.append(button);
        button.tabIndex = box === stop ? 0 : -1;
        if (isBare) drawn.delete(box);
        else drawn.add(box);
      }
      shown = picture;
      return more;
    },
    moved(picture) {
      for (const [box, button] of byBox) place(picture, box, button);
    },
    focus(box) {
      byBox.get(box)?.focus({ preventScroll: true });
    },
    nodeOf: (of) => Number((of.closest("[data-node]") as HTMLElement | null)?.dataset.node ?? -1),
  };
}

/** What is seen, for who hears all of it in one sentence. */
function unsaid(...seen: HTMLElement[]): HTMLElement[] {
  for (const one of seen) one.setAttribute("aria-hidden", "true");
  return seen;
}

function element(tag: string, className: string | undefined, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
