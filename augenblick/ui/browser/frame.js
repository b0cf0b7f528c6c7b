// What the frame of all pages does in the browser; data and places come from frame.py.
// Streamlit imports this once and calls the function at the end whenever the data has changed.

const $ = (selector) => document.querySelector(selector);
const MAIN = "#stMain";
const SIDEBAR = '[data-testid="stSidebar"]';
const INPUT = ".composer textarea";
const COVERS = window.matchMedia("(max-width: 767.98px)"); // there the sidebar lies over the page

let page; // the data
let place; // the component's own elements
let trigger; // tells Python

// ---- language: Streamlit calls every page English and names its own buttons in English.
// Names and texts are changed in place, of which React hears nothing.
const MESSAGE = '[data-testid="stChatMessage"]';
const DIRECTED =
  `${MESSAGE} [data-testid="stMarkdownContainer"] ` +
  ":is(ul, ol, table, blockquote)";
const NAMED = "[aria-label]";
const QUESTION = `${MESSAGE} [data-testid="stText"]`;
const HEADING = '[data-testid="stMarkdownContainer"] :is(h1, h2, h3, h4, h5, h6)';
const WRITTEN =
  '[data-testid="stSkipToContent"], [data-testid="stCameraInput"] :is(button, p), ' +
  '[data-testid="stTooltipContent"] p, [role="dialog"] > h2, [role="dialog"] > div > div, ' +
  '[data-testid="stFileUploaderDropzone"] button p';

const translated = (own) => {
  if (Object.hasOwn(page.names, own)) return page.names[own];
  const start = Object.keys(page.names).find((it) => it.endsWith(" ") && own.startsWith(it));
  return start ? page.names[start] + own.slice(start.length) : own;
};
const rename = (element) => {
  const own = element.getAttribute("aria-label");
  const ours = translated(own);
  if (ours === own || element.dataset.ours === own) return;
  Object.assign(element.dataset, { own, ours });
  element.setAttribute("aria-label", ours);
};
const rewrite = (element) => {
  const text = element.firstChild;
  if (text?.nodeType !== Node.TEXT_NODE || translated(text.data) === text.data) return;
  element.dataset.ownText = text.data;
  text.data = translated(text.data);
};
const setLevel = (element, level) => {
  element.role = "heading";
  element.ariaLevel = level;
};
// What a model calls a heading stands below its question, whatever its level and the next one's.
const setLevels = (message) => {
  const open = [];
  for (const heading of message?.querySelectorAll(HEADING) ?? []) {
    const own = Number(heading.tagName[1]);
    while (open.at(-1) >= own) open.pop();
    open.push(own);
    setLevel(heading, Math.min(6, 2 + open.length));
  }
};
const translate = (root) => {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  if (root.matches(NAMED)) rename(root);
  if (root.matches(WRITTEN)) rewrite(root);
  if (root.matches(DIRECTED)) root.dir = "auto";
  root.querySelectorAll(NAMED).forEach(rename);
  root.querySelectorAll(WRITTEN).forEach(rewrite);
  // signs of lists and the columns of tables stand where their text begins
  for (const block of root.querySelectorAll(DIRECTED)) block.dir = "auto";
  if (root.matches(QUESTION)) setLevel(root, 2);
  for (const question of root.querySelectorAll(QUESTION)) setLevel(question, 2);
  const headings = [...(root.matches(HEADING) ? [root] : []), ...root.querySelectorAll(HEADING)];
  for (const message of new Set(headings.map((it) => it.closest(MESSAGE)))) setLevels(message);
};
const putBackNames = () => {
  for (const element of document.querySelectorAll("[data-own]")) {
    if (element.getAttribute("aria-label") === element.dataset.ours) {
      element.setAttribute("aria-label", element.dataset.own);
    }
    delete element.dataset.own;
    delete element.dataset.ours;
  }
  for (const element of document.querySelectorAll("[data-own-text]")) {
    element.firstChild.data = element.dataset.ownText;
    delete element.dataset.ownText;
  }
};
const speak = () => {
  if (document.documentElement.lang !== page.code) putBackNames();
  document.documentElement.lang = page.code;
  translate(document.body);
  if (!page.cookie) return; // another tab, and a visit tomorrow, begin with what was chosen
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${page.cookie}; Path=/; Max-Age=${400 * 24 * 3600}; SameSite=Lax${secure}`;
};

// ---- back button. Streamlit keeps an entry for every address of its own making: three for one
// step to another page, whose settings it takes out of the address, puts back, and only then names
// the page. Here an entry is a page and, on the chat page, a conversation; anything else changes
// the entry there is. One whose conversation went is on the way to somewhere until a run has drawn
// it without.
const replaceEntry = (state, title, url) =>
  History.prototype.replaceState.call(history, state, title, url);
const isChat = (path) => !page.others.some((other) => path.endsWith(`/${other}`));
const pushEntry = (state, title, url) => {
  const from = new URL(location.href), to = new URL(url, from);
  const [before, after] = [from, to].map((one) => one.searchParams.get(page.parameter));
  const isSamePage = from.pathname === to.pathname;
  if (isSamePage && (before === after || !isChat(to.pathname)))
    return replaceEntry(history.state, title, url);
  if (!isSamePage && history.state?.isOnTheWay) return replaceEntry(state, title, url);
  const isOnTheWay = isSamePage && before !== null && after === null;
  return History.prototype.pushState.call(history, { ...state, isOnTheWay }, title, url);
};
const settleEntry = () => {
  const isThere = new URL(location.href).searchParams.get(page.parameter) === page.conversation;
  if (isThere && history.state?.isOnTheWay) replaceEntry({}, "", location.href);
};

// ---- server found again: it may be another one, to whose script the first click would be lost.
const isConnected = () => $('[data-testid="stApp"]').dataset.testConnectionState === "CONNECTED";
let wasConnected = true;
const noteConnection = () => {
  const isBack = isConnected() && !wasConnected;
  wasConnected = isConnected();
  if (isBack && $('[data-testid="stApp"]').dataset.testScriptState === "notRunning")
    trigger("back", true);
};

// ---- menu: opens and closes the sidebar
const CHOICES =
  '.st-key-new_conversation button, .st-key-recent button, [data-testid="stPageLink-NavLink"]';
const isOpen = () => $(SIDEBAR)?.dataset.collapsed === "false";
const setOpen = (wanted) => {
  if (wanted === isOpen()) return;
  $(wanted ? '[data-testid="stExpandSidebarButton"]'
           : '[data-testid="stSidebarCollapseButton"] button')?.click();
};
const showMenuState = () => {
  const button = place.querySelector(".menu");
  button.setAttribute("aria-expanded", isOpen());
  button.setAttribute("aria-label", isOpen() ? page.words.close : page.words.open);
};
const toggle = (wanted) => {
  setOpen(wanted);
  if (COVERS.matches && wanted) setTimeout(() => { // it has come in
    if (!$(SIDEBAR)?.contains(document.activeElement)) // nobody is typing there already
      $(".st-key-new_conversation button")?.focus();
  }, 300);
};
const bindMenu = () => {
  const button = place.querySelector(".menu");
  let wasOpen; // where it covers the page, Streamlit closes it for the press of the button too
  button.onpointerdown = () => { wasOpen = isOpen(); };
  button.onclick = (event) => toggle(!(event.detail ? wasOpen : isOpen()));
};
const stepAside = (event) => { // for a choice, Streamlit closes what covers the page
  if (!event.target.closest?.(CHOICES)) return;
  const tap = new MouseEvent("mousedown", { bubbles: true });
  setTimeout(() => $(MAIN)?.dispatchEvent(tap), 0);
};

// ---- scrolling to the field of a question that is open for a change
const FIELD = '[class*="st-key-edit_"] textarea';
let field = null;
const lookForField = () => {
  const found = $(FIELD);
  if (found === field) return;
  field = found;
  if (!found) return;
  found.focus({ preventScroll: true });
  found.scrollIntoView({ block: "center" });
};

// ---- focus: where what had it goes away, it goes on to what is next of kin
let focused = null;
const noteFocus = ({ target }) => { focused = { target, message: target.closest(MESSAGE) }; };
const isGone = (element) => !element.isConnected || element.matches(":disabled");
const noteBlur = ({ target }) => setTimeout(() => {
  if (focused?.target === target && !isGone(target)) focused = null; // somebody clicked elsewhere
}, 0);
const keepFocus = () => {
  if (!focused || !isGone(focused.target)) return;
  const { message } = focused;
  focused = null;
  setTimeout(() => { // a dialog gives it back by itself
    if (document.activeElement !== document.body) return;
    const isTouch = matchMedia("(pointer: coarse)").matches; // there a field opens the keyboard
    const title = $("h1");
    if (title) title.tabIndex = -1;
    const own = message?.isConnected && message.querySelector('[class*="st-key-pencil_"] button');
    (own || (!isTouch && $(INPUT)) || $(".st-key-undo button") || title)?.focus();
  }, 300);
};

// ---- what scrolls in its own place, for who has no mouse; Safari leads no Tab there by itself
const SCROLLING = '.stCode pre, [data-testid="stMarkdownContainer"]:has(> table)';
let pause; // since the page has changed last
const openScrolling = () => {
  for (const element of document.querySelectorAll(SCROLLING)) {
    const isWhole = element.scrollWidth <= element.clientWidth &&
      element.scrollHeight <= element.clientHeight;
    if (isWhole) element.removeAttribute("tabindex");
    else element.tabIndex = 0;
  }
};

// ---- an answer: said to screen readers, in the tab's title, and as a notification
const REGION = "augenblick-status";
const ASKED = "augenblick-notify";
let saidOf = "", hasNews = false;
const say = (text) => {
  let region = document.getElementById(REGION);
  if (!region) { // stays while Streamlit draws anew, and is in the page before its words are
    region = document.createElement("div");
    region.id = REGION;
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  setTimeout(() => { region.textContent = text; }, 50);
};
const showTitle = () => {
  const own = $(".st-key-top_bar h1")?.textContent;
  const title = (hasNews ? "✓ " : "") + (own ? `${own} · ` : "") + page.product;
  if (document.title !== title) document.title = title;
};
const canNotify = () =>
  "Notification" in window && window.isSecureContext && !matchMedia("(pointer: coarse)").matches;
const notify = (text) => {
  hasNews = true;
  if (!canNotify() || Notification.permission !== "granted") return;
  const note = new Notification(page.words.ready, { body: text, tag: REGION, icon: "app-icon.png" });
  note.onclick = () => { window.focus(); note.close(); };
};
const heardOfAnswer = () => {
  const { state, answer, busy, text } = $(".augenblick-answer")?.dataset ?? {};
  if (!state || saidOf === `${state} ${answer}`) return;
  saidOf = `${state} ${answer}`;
  document.dispatchEvent(new CustomEvent("augenblick:answer", {
    detail: { state, busy: Number(busy) },
  }));
  say(text);
  if (state === "ended" && document.hidden) notify(text);
};
const comeBack = () => {
  if (document.hidden) return;
  let wasAsked = true; // where the browser forbids to remember, nobody is asked each time
  try { wasAsked = Boolean(localStorage.getItem(ASKED)); } catch { /* forbidden */ }
  if (hasNews && !wasAsked && canNotify() && Notification.permission === "default")
    place.querySelector(".offer").hidden = false;
  hasNews = false;
  showTitle();
};
const bindOffer = () => {
  const offer = place.querySelector(".offer");
  const close = () => { localStorage.setItem(ASKED, "yes"); offer.hidden = true; };
  offer.querySelector(".yes").onclick = () => { close(); Notification.requestPermission(); };
  offer.querySelector(".no").onclick = close;
};

// ---- keyboard
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const SHORTCUTS = [
  { name: "new", keys: ["mod", "Shift", "O"], act: () => $(".st-key-bar_new button")?.click() },
  { name: "search", keys: ["mod", "K"], act: () => {
    setOpen(true);
    setTimeout(() => $(`${SIDEBAR} [class*="st-key-search"] input`)?.focus(), 0);
  } },
  { name: "input", keys: ["Shift", "Escape"], act: () => $(INPUT)?.focus() },
  { name: "copy", keys: ["mod", "Shift", "C"], act: () =>
    [...document.querySelectorAll("[data-answer]:not(.augenblick-answer)")].at(-1)?.click() },
  { name: "stop", keys: ["Escape"], act: () => {} }, // the composer does
  { name: "list", keys: ["?"], act: () => place.querySelector("dialog").showModal() },
];
const COVERING = '[role="dialog"], [role="listbox"], [role="menu"]:not([popover]), ' +
  "dialog[open], [popover]:popover-open";
const isPressed = (event, keys) => {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  if (event.altKey || mod !== keys.includes("mod")) return false;
  if (keys[0] !== "?" && event.shiftKey !== keys.includes("Shift")) return false;
  return event.key.toLowerCase() === keys.at(-1).toLowerCase();
};
const press = (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const isTyping = event.target.matches?.("input, textarea, select, [contenteditable]");
  const found = SHORTCUTS.find(({ keys }) => isPressed(event, keys));
  if (!found || (isTyping && found.name === "list")) return;
  if ($(COVERING) || place.querySelector("[open]")) return;
  if (found.name === "stop" && COVERS.matches && isOpen()) {
    setOpen(false);
    place.querySelector(".menu").focus();
    return;
  }
  if (found.name !== "stop") event.preventDefault();
  found.act();
};
const named = (key) => ({ mod: isMac ? "⌘" : page.words.ctrl, Escape: "Esc" })[key] ?? key;
const listShortcuts = () => {
  const rows = SHORTCUTS.map(({ name, keys }) => {
    const row = document.createElement("tr");
    row.append(document.createElement("td"), document.createElement("td"));
    row.firstChild.textContent = page.words[`key_${name}`];
    for (const key of keys) {
      const sign = document.createElement("kbd");
      sign.textContent = named(key);
      row.lastChild.append(sign, " ");
    }
    return row;
  });
  const dialog = place.querySelector("dialog");
  dialog.querySelector("tbody").replaceChildren(...rows);
  dialog.querySelector(".close").onclick = () => dialog.close();
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); }; // beside it
};

// ---- together
const write = () => {
  for (const element of place.querySelectorAll("[data-word]"))
    element.textContent = page.words[element.dataset.word];
};
const look = () => {
  heardOfAnswer();
  showTitle();
  lookForField();
  keepFocus();
  clearTimeout(pause);
  pause = setTimeout(openScrolling, 300);
};
const addStyle = () => { // an unknown address has Streamlit's own page, without our head
  if ($('link[href*="app.css"]')) return;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "app.css" });
  document.head.append(link);
};
const install = () => {
  addStyle();
  history.pushState = pushEntry;
  wasConnected = isConnected();
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes, attributeName } of changes) {
      if (type === "childList") addedNodes.forEach(translate);
      else if (attributeName === "data-collapsed") showMenuState();
      else if (attributeName === "data-test-connection-state") noteConnection();
      else if (target.matches(NAMED)) rename(target);
    }
    look();
  }).observe(document.body, {
    attributes: true, childList: true, subtree: true,
    attributeFilter: ["aria-label", "data-collapsed", "data-test-connection-state"],
  });
  new MutationObserver(showTitle).observe(document.head, { childList: true, subtree: true });
  document.addEventListener("visibilitychange", comeBack);
  document.addEventListener("focusin", noteFocus);
  document.addEventListener("focusout", noteBlur);
  document.addEventListener("click", stepAside, true);
  window.addEventListener("keydown", press);
};

export default function ({ data, parentElement, setTriggerValue }) {
  const isFirst = page === undefined;
  if (data.at < page?.at) return; // component_data.py
  [page, place, trigger] = [data, parentElement, setTriggerValue];
  if (isFirst) install();
  write();
  speak();
  settleEntry();
  bindMenu();
  bindOffer();
  listShortcuts();
  showMenuState();
  look();
}
