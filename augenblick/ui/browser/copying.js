// Everything on the page that copies, and the answer that is read aloud. One script for the page:
// a button says with data-text what it copies, or with data-answer where an answer's text is.

const TAGS = new Set(
  "P H1 H2 H3 H4 H5 H6 UL OL LI TABLE THEAD TBODY TR TH TD STRONG EM DEL CODE PRE BLOCKQUOTE A BR HR"
    .split(" "),
);
const DROPPED =
  'button, svg, style, script, .katex-html, [data-testid="stHeaderActionElements"], ' +
  '[data-testid="stElementToolbar"], [data-testid="stIconMaterial"], .stMarkdownBadge';
const TEXTS = '.stMarkdown:not(:has([data-testid="stCaptionContainer"])), .compared';
const ASIDE = '[data-testid="stExpander"], [data-testid="stAlert"]';
const TABLE = '[data-testid="stChatMessage"] [data-testid="stMarkdownContainer"] table';
const CELL = "border: 1px solid #999; padding: 2px 8px;";
const FORMULA = /^[=+@]|^-(?![\d\s.,]*%?$)/;  // what a spreadsheet would run
const DONE_MS = 1600;

// A rendered piece without what belongs to the page: plain tags, as Word and mail take them.
function cleaned(node) {
  if (node.nodeType === Node.TEXT_NODE) return lines(node);
  if (node.nodeType !== Node.ELEMENT_NODE || node.matches(DROPPED)) return "";
  if (node.matches(".katex")) return node.querySelector("annotation")?.textContent ?? "";
  const kept = TAGS.has(node.tagName) ? document.createElement(node.tagName)
    : document.createDocumentFragment();
  for (const child of node.childNodes) kept.append(cleaned(child));
  if (node.tagName === "A" && node.protocol.startsWith("http")) kept.href = node.href;
  if (node.tagName === "OL" && node.start !== 1) kept.start = node.start;
  if (node.tagName === "TABLE") kept.style.borderCollapse = "collapse";
  if (node.matches("td, th")) {
    const { textAlign } = getComputedStyle(node);
    const asText = FORMULA.test(node.innerText) ? ' mso-number-format: "\\@";' : "";
    kept.setAttribute("style", `${CELL} text-align: ${textAlign};${asText}`);
  }
  return kept;
}

// A line end in a paragraph is one on the page too.
function lines(text) {
  const isProse = text.parentElement?.closest("p, li, pre")?.tagName === "P";
  const found = document.createDocumentFragment();
  if (!isProse) return text.nodeValue;
  text.nodeValue.split("\n").forEach((line, at) => {
    if (at && text.nextSibling?.nodeName !== "BR") found.append(document.createElement("br"));
    found.append(line);
  });
  return found;
}

function html(elements) {
  const whole = document.createElement("div");
  for (const element of elements) whole.append(cleaned(element));
  return whole.innerHTML;
}

// The blocks of the answer that a button stands below, without what the page says about it.
function blocks(button) {
  const message = button.closest('[data-testid="stColumn"], [data-testid="stChatMessage"]');
  return [...(message?.querySelectorAll(TEXTS) ?? [])].filter((block) => !block.closest(ASIDE));
}

async function source(button) {
  if (button.dataset.text !== undefined) return button.dataset.text;
  try {
    const found = await fetch(new URL(button.dataset.answer, location.href));
    if (found.ok) return await found.text();
  } catch { /* the server is away; what is on the page is there all the same */ }
  return blocks(button).map((block) => block.innerText).join("\n\n");
}

// Plain text and, where there is some, HTML. Browsers forbid the clipboard on plain HTTP; then the
// old command is used, whose event takes both kinds too.
async function write(plain, rich) {
  const kinds = { "text/plain": plain, ...(rich && { "text/html": rich }) };
  try {
    const item = Object.entries(kinds).map(([kind, text]) =>
      [kind, Promise.resolve(text).then((said) => new Blob([said], { type: kind }))]);
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(item))]);
    return true;
  } catch {
    const said = await plain;
    const fill = (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.clipboardData.setData("text/plain", said);
      if (rich) event.clipboardData.setData("text/html", rich);
    };
    document.addEventListener("copy", fill, true);
    try { return document.execCommand("copy"); } finally {
      document.removeEventListener("copy", fill, true);
    }
  }
}

// Code and formulas of a page that was just opened are drawn late.
async function drawn(button) {
  const answer = button.closest('[data-testid="stChatMessage"]');
  for (let tries = 0; tries < 40 && answer?.querySelector('[data-testid="stSkeleton"]'); tries++) {
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function copy(button, words) {
  const isAnswer = button.dataset.answer !== undefined;
  if (isAnswer) await drawn(button);
  const isDone = await write(source(button), isAnswer ? html(blocks(button)) : "");
  say(button, isDone ? words.done : words.failed);
}

// On the button for a moment, and to screen readers.
function say(button, words) {
  const shown = button.querySelector("span") ?? button;
  button.dataset.own ??= shown.textContent;
  button.dataset.name ??= button.getAttribute("aria-label") ?? "";
  shown.textContent = words;
  button.removeAttribute("aria-label");
  const status = document.getElementById("augenblick-status");
  if (status) status.textContent = words;
  setTimeout(() => {
    shown.textContent = button.dataset.own;
    if (button.dataset.name) button.setAttribute("aria-label", button.dataset.name);
  }, DONE_MS);
}

const cells = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => {
  const text = cell.innerText.trim();
  return FORMULA.test(text) ? `'${text}` : text;
}));

function saveCsv(table, words) {
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const rows = cells(table).map((row) => row.map(quoted).join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", rows.join("\r\n")], { type: "text/csv" }));
  link.download = words.file;
  link.click();
  URL.revokeObjectURL(link.href);
}

// Two small buttons beside the table under the pointer, the finger or the focus.
function tableBar(words) {
  const bar = document.createElement("div");
  bar.id = "augenblick-table-bar";
  let table = null;
  const act = (label, work) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => work(button));
    bar.append(button);
  };
  act(words.table, async (button) => {
    const tsv = cells(table).map((row) => row.join("\t")).join("\n");
    say(button, (await write(tsv, html([table]))) ? words.done : words.failed);
  });
  act(words.csv, () => saveCsv(table, words));
  bar.hidden = true;
  const show = (event) => {
    if (bar.contains(event.target)) return;
    const found = event.target.closest?.(TABLE) ?? null;
    if (found === table && bar.hidden === !table) return;
    table = found;
    place();
  };
  // beside the table where there is room, else above it
  const place = () => {
    bar.hidden = !table?.isConnected;
    if (bar.hidden) return;
    const edge = table.getBoundingClientRect();
    const isRoom = edge.right + bar.offsetWidth + 16 < innerWidth;
    bar.style.left = `${isRoom ? edge.right + 8 : Math.max(4, edge.left)}px`;
    bar.style.top = `${isRoom ? edge.top : Math.max(4, edge.top - bar.offsetHeight - 4)}px`;
    bar.style.background = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
    bar.style.color = getComputedStyle(table).color;
  };
  const wanted = ["pointermove", "pointerdown", "focusin"];
  for (const name of wanted) document.addEventListener(name, show, true);
  document.addEventListener("scroll", place, true);
  document.body.append(bar);
  return () => {
    for (const name of wanted) document.removeEventListener(name, show, true);
    document.removeEventListener("scroll", place, true);
    bar.remove();
  };
}

function readAloud(address) {
  const button = document.querySelector(`[data-answer="${CSS.escape(address)}"]`);
  speechSynthesis.cancel();
  for (const block of button ? blocks(button) : []) {
    const saying = new SpeechSynthesisUtterance(block.innerText);
    saying.lang = document.documentElement.lang;
    speechSynthesis.speak(saying);
  }
}

export default function ({ data }) {
  const { words, aloud } = data;
  if (aloud.count && window.augenblickAloud !== aloud.count) {
    window.augenblickAloud = aloud.count;
    readAloud(aloud.answer);
  }
  const click = (event) => {
    const button = event.target.closest?.("[data-text], [data-answer]");
    if (button) copy(button, words);
  };
  const hush = (event) => {
    if (event.key === "Escape" && speechSynthesis.speaking) {
      event.preventDefault();
      speechSynthesis.cancel();
    }
  };
  document.addEventListener("click", click);
  document.addEventListener("keydown", hush, true);
  const leave = tableBar(words);
  return () => {
    document.removeEventListener("click", click);
    document.removeEventListener("keydown", hush, true);
    leave();
  };
}
