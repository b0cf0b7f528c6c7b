// Marks the values of an answer that stand in its pictures, and has the viewer outline them.
// What is drawn belongs to React: its text nodes stay where they are. The first of a run of them
// keeps what stands before the first value, the others nothing; all else is ours, stands behind
// them, and goes as soon as React touches one of them.

const PLACE = "[data-evidence]";
// an answer: of several side by side each has a column
const ANSWER = '[data-testid="stChatMessage"], [data-testid="stColumn"]';
const TEXTS = ".stMarkdown, .stTable, .compared";
const LEFT_ALONE = "a, button, svg, .katex, [data-evidence], " +
  ["Expander", "Alert", "CaptionContainer"].map((name) => `[data-testid="st${name}"]`).join();
const PAUSE_MS = 200;
const FIRST_MS = 500, SLOWER = 1.3, LAST_MS = 5000; // between two looks at a check under way

const checks = new Map(); // by address
const asking = new Set(); // addresses
const marked = new Map(); // by text node: its run, what that held, what is ours, by which check
const ours = new WeakSet();
let pinned = null; // the value that somebody clicked

// ---- in the text
const unmark = ({ run, held, added }, touched) => {
  for (const each of added) each.remove();
  run.forEach((node, at) => {
    marked.delete(node);
    if (node !== touched) node.data = held[at];
  });
};
const patternOf = ({ values }) => {
  const escaped = values.map(({ text }) => text).sort((one, two) => two.length - one.length)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replace(/\s+/g, "\\s+"));
  const before = "(?<![\\p{L}\\p{N}]|\\p{N}[.,:'’])", after = "(?![\\p{L}\\p{N}]|[.,:'’]\\p{N})";
  // a unit may follow a number without a space: 500g
  return new RegExp(`${before}(?:${escaped.join("|")})(?:${after}|(?<=\\p{N})(?=\\p{L}))`, "gu");
};
const valueMark = (text, { places }, { found, missing }, isFirst) => {
  const mark = document.createElement("span");
  mark.textContent = text;
  mark.title = places.length ? found : missing;
  mark.className = places.length ? "evidence-found" : "evidence-missing";
  if (places.length) mark.evidence = places;
  if (places.length && isFirst) Object.assign(mark, { role: "button", tabIndex: 0 });
  return mark;
};
// The nodes that stand side by side; between two groups is where a mark begins or ends.
const groupsIn = (run) => run.reduce((groups, node) => {
  if (groups.at(-1)?.at(-1) === node.previousSibling) groups.at(-1).push(node);
  else groups.push([node]);
  return groups;
}, []);
const markRun = (run, check) => {
  const held = run.map(({ data }) => data);
  const values = [...held.join("").matchAll(check.pattern)];
  if (!values.length) return;
  const added = [];
  let start = 0;
  for (const group of groupsIn(run)) {
    const text = group.map(({ data }) => data).join("");
    const pieces = [];
    let done = 0;
    for (const { 0: value, index } of values) {
      const from = Math.max(0, index - start);
      const to = Math.min(text.length, index - start + value.length);
      if (from >= to) continue;
      const found = check.byText.get(plain(value)), isFirst = from === index - start;
      pieces.push(text.slice(done, from), valueMark(text.slice(from, to), found, check, isFirst));
      done = to;
    }
    start += text.length;
    if (!pieces.length) continue;
    group.forEach((node, at) => { node.data = at ? "" : pieces[0]; });
    const ends = [...pieces.slice(1), text.slice(done)].filter(Boolean)
      .map((piece) => typeof piece === "string" ? document.createTextNode(piece) : piece);
    group.at(-1).after(...ends);
    added.push(...ends);
  }
  for (const node of run) marked.set(node, { run, held, added, check });
  for (const each of added) ours.add(each);
};
const plain = (text) => text.replace(/\s+/g, " ");
const markAnswer = (place, check) => {
  const answer = place.closest(ANSWER);
  for (const block of answer?.querySelectorAll(TEXTS) ?? []) {
    if (block.closest(LEFT_ALONE)) continue;
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT), runs = [];
    while (walker.nextNode()) {
      const node = walker.currentNode, run = runs.at(-1);
      if (marked.has(node) && marked.get(node).check !== check) unmark(marked.get(node));
      if (ours.has(node) || ours.has(node.parentElement) || marked.has(node)) continue;
      if (node.parentElement.closest(LEFT_ALONE)) continue;
      // Markdown cuts at a colon, and a mark of what differs may end within a date
      const goesOn = run?.at(-1) === node.previousSibling || block.matches(".compared");
      if (run && goesOn) run.push(node);
      else runs.push([node]);
    }
    for (const run of runs) markRun(run, check);
  }
};

// ---- below it
const fill = (place, check) => {
  if (place.check === check) return;
  place.check = check;
  place.replaceChildren();
  if (check.ask) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: check.ask });
    button.onclick = () => ask(place.dataset.evidence, "POST");
    place.append(button);
  } else place.append(check.line ?? "");
};
const isThere = (address) => document.querySelector(`[data-evidence="${CSS.escape(address)}"]`);
const ask = async (address, method = "GET", wait = FIRST_MS) => {
  asking.add(address);
  let check = { state: "none" };
  try {
    const answer = await fetch(new URL(address, location.href), { method });
    if (answer.ok) check = await answer.json();
  } catch { /* the server is away: nothing is said */ }
  checks.set(address, check);
  if (check.values) {
    check.byText = new Map(check.values.map((value) => [plain(value.text), value]));
    check.pattern = patternOf(check);
  }
  draw();
  if (check.state !== "reading" || !isThere(address)) return asking.delete(address);
  setTimeout(() => ask(address, "GET", Math.min(LAST_MS, wait * SLOWER)), wait);
};

// ---- whenever the page has changed
const heard = (changes) => {
  for (const { type, target } of changes)
    if (type === "characterData" && marked.has(target)) unmark(marked.get(target), target);
  for (const [node, mark] of marked) if (!node.isConnected) unmark(mark, node);
};
const draw = () => {
  heard(watching.takeRecords());
  for (const [node, mark] of marked)
    if (!node.parentElement.closest(ANSWER)?.querySelector(PLACE)) unmark(mark);
  for (const place of document.querySelectorAll(PLACE)) {
    const check = checks.get(place.dataset.evidence);
    if (!check) seen.observe(place);
    else {
      fill(place, check);
      if (check.pattern) markAnswer(place, check);
    }
  }
  watching.takeRecords(); // of what we did
};
let pause;
const watching = new MutationObserver((changes) => {
  heard(changes);
  clearTimeout(pause);
  pause = setTimeout(draw, PAUSE_MS);
});
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const address = target.dataset.evidence;
    if (!isIntersecting) continue;
    seen.unobserve(target);
    if (!checks.has(address) && !asking.has(address)) ask(address);
  }
}, { rootMargin: "300px" });

// ---- in the picture
const outline = (mark, opens) => {
  const [{ sha256 }] = mark.evidence;
  const outlines = mark.evidence.filter((place) => place.sha256 === sha256)
    .map(({ left, top, width, height }) => ({ x: left, y: top, width, height }));
  const detail = { sha256, outlines, opens };
  document.dispatchEvent(new CustomEvent("augenblick:outline", { detail }));
};
const leave = ({ target }) => {
  if (!target.evidence || target === pinned) return;
  if (pinned?.isConnected) return outline(pinned, false);
  const detail = { sha256: target.evidence[0].sha256, outlines: [] };
  document.dispatchEvent(new CustomEvent("augenblick:outline", { detail }));
};
const enter = ({ target }) => target.evidence && outline(target, false);
const choose = (event) => {
  if (!event.target.evidence) return;
  if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  pinned = event.target;
  outline(pinned, true);
};

let isInstalled = false;
export default function () {
  if (!isInstalled) {
    isInstalled = true;
    watching.observe(document.body, { childList: true, characterData: true, subtree: true });
    for (const type of ["pointerover", "focusin"]) document.addEventListener(type, enter);
    for (const type of ["pointerout", "focusout"]) document.addEventListener(type, leave);
    for (const type of ["click", "keydown"]) document.addEventListener(type, choose);
  }
  draw();
}
