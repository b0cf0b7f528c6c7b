// The composer in the browser: words, pictures and what is done with them. Pictures go to the tray
// (web/tray_routes.py) the moment they are chosen; everything else goes to composer.py as an act.
// What stands at the top level here outlives a visit to another page, the elements do not. The place
// on the page, and what each run says, come from composer_place.js.

const UNSENT = "augenblick-unsent:"; // words by conversation
const SENT = "augenblick-sent"; // the question that nobody has confirmed yet
const TRAY = "augenblick-tray"; // where the tray of this tab was before a reload
const UPLOADS_AT_ONCE = 2;
const ASK_AGAIN_MS = 400;
const REPEAT_MS = 4000; // a question that has not arrived by then is sent once more, by the same id
const LOST_MS = 15000; // a question that the server has not taken by then never came there
const LISTEN_MS = 1000; // so often it is asked whether a phone has sent a photo
const OPENING_MS = 1500; // so long a conversation that was opened is kept at its end
const NEAR_END_PX = 80;
const PICTURE = /\.(jpe?g|png|hei[cf]|webp|avif|gif|tiff?|bmp|pdf)$/i;
const DRAWABLE = /^image\/(jpeg|png|webp|gif|avif|bmp)$/;
const ADDRESS = /^(https?|file|data|blob):\S+$/;
const LINES = {
  add: '<path d="M12 5v14M5 12h14"/>',
  send: '<path d="M12 19V5M6 11l6-6 6 6"/>',
  stop: '<rect x="7" y="7" width="10" height="10" rx="1.5" fill="currentColor"/>',
  remove: '<path d="M7 7l10 10M17 7L7 17"/>',
  mark: '<path d="M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4"/>',
  turn: '<path d="M19 12a7 7 0 1 1-2.2-5.1M19 3v5h-5"/>',
  toEnd: '<path d="M12 5v14M6 13l6 6 6-6"/>',
  files: '<rect x="4" y="5" width="16" height="14" rx="2"/><path d="M4 16l5-5 4 4 3-3 4 4"/>',
  camera: '<path d="M4 8h4l2-3h4l2 3h4v11H4z"/><circle cx="12" cy="13" r="3.5"/>',
  phone: '<rect x="7" y="3" width="10" height="18" rx="2"/><path d="M11 18h2"/>',
  earlier: '<path d="M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 2"/>',
  options: '<path d="M4 7h10M18 7h2M4 17h2M10 17h10"/><circle cx="16" cy="7" r="2"/>' +
    '<circle cx="8" cy="17" r="2"/>',
  private: '<path d="M4 4l16 16M9 5.6A9 9 0 0 1 21 12a13 13 0 0 1-2.4 3M6 7.5A13 13 0 0 0 3 12' +
    'a9.6 9.6 0 0 0 12 5.4"/>',
};
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true">${LINES[name]}</svg>`;

let ui = null; // the elements, while the composer is on the page
let data = null; // what composer.py said last
let fixed = null; // what it says in a language: texts and limits
let act = () => {};
let state = { version: -1, items: [] }; // of the tray
let local = []; // files on their way: { number, file, preview, status, done, request }
const kept = new Map(); // files by number, for a server that was started anew
const words = new Map(); // unsent, by conversation
const handled = new Set(); // questions whose words were given back
let shownOf; // whose words stand in the area
let lastNumber = 0;
let queued = null; // { text } to be sent as soon as that is possible
let pending = null; // { id, text, conversation, url, since, pictures }, sent and not yet stored
let ended = 0; // the last drawing of a busy composer whose answer has ended
let offered = []; // the picture of a text that was pasted
let told = ""; // in the line above the box
let isKnown = true; // whether the server that is connected knows this tab
let listening = 0; // the timer until it is asked again whether a phone has sent a photo
let isMoving = false; // whether pictures come from another tray
let marking = null; // the tile whose regions are being drawn into it
const unmarked = new Map(); // regions that the server did not take, by tile
const unpixelated = new Map(); // what was to be pixelated when that failed, by tile
let isDrawing = false; // regions, in a dialog: the picture is not sent meanwhile
let isFollowing = false; // the page stays at its end
let scrolledTo = 0;
let openedAt = 0;

const storage = () => {
  try { return window.sessionStorage; } catch { return null; } // forbidden in some browsers
};
const store = (key, value) => {
  try {
    if (value) storage()?.setItem(key, value);
    else storage()?.removeItem(key);
  } catch { /* full: then it is kept in memory alone */ }
};
const text = (name, params = {}) =>
  fixed.texts[name].replace(/\{(\w+)\}/g, (whole, place) => params[place] ?? whole);
const isTouch = () => matchMedia("(pointer: coarse)").matches;
const page = () => document.querySelector('[data-testid="stMain"]');
const isConnected = () =>
  document.querySelector('[data-testid="stApp"]')?.dataset.testConnectionState === "CONNECTED";

// --- words ---

const wordsOf = (conversation) =>
  words.get(conversation) ?? storage()?.getItem(UNSENT + conversation) ?? "";

const keep = (conversation, value) => {
  if (value) words.set(conversation, value);
  else words.delete(conversation);
  store(UNSENT + conversation, data.isPrivate ? "" : value);
};

const setText = (value) => {
  ui.area.value = value;
  keep(shownOf, value);
  grow();
};

const grow = () => {
  ui.area.style.height = "auto";
  ui.area.style.height = `${ui.area.scrollHeight}px`;
};

const showConversation = () => {
  if (data.forgets) {
    words.clear();
    kept.clear();
    unmarked.clear();
    local = [];
    for (const key of Object.keys(storage() ?? {})) if (key.startsWith(UNSENT)) store(key, "");
    if (shownOf !== undefined) setText("");
  }
  const before = shownOf;
  shownOf = data.conversation;
  if (before === "new" && data.isBegunHere && ui.isShown) { // written after its first question
    const value = ui.area.value;
    keep("new", "");
    setText(value);
  } else if (before !== shownOf || !ui.isShown) {
    if (before !== shownOf) queued = null;
    const early = ui.isShown ? "" : ui.area.value; // typed before this script was there
    setText([...new Set([wordsOf(shownOf), early])].filter(Boolean).join("\n"));
  } else if (data.isPrivate) store(UNSENT + shownOf, "");
  ui.isShown = true;
  if (before !== shownOf && shownOf !== "new") {
    isFollowing = true;
    openedAt = Date.now();
    goToEnd();
  }
};

const giveBack = (conversation, value) => {
  const after = conversation === shownOf && ui ? ui.area.value : wordsOf(conversation);
  const all = [value, after].filter(Boolean).join("\n");
  if (conversation === shownOf && ui) setText(all);
  else keep(conversation, all);
};

// --- the tray ---

const takeState = (next, url) => {
  if (!next || url !== data.url || next.version < state.version) return;
  state = next;
  for (const { id, text: value } of next.givenBack) {
    if (handled.has(id)) continue;
    handled.add(id);
    if (pending?.id !== id) giveBack(shownOf, value);
  }
  settle(next, url);
  listen();
};

// Photos of a phone come without an act of this page. One that is on its way still arrives.
const listen = () => {
  const mine = new Set(local.map((each) => each.number));
  const isComing = ({ state: its, file }) => its === "working" && !mine.has(file);
  if (listening || !(state.phone || state.items.some(isComing))) return;
  listening = setTimeout(async () => {
    listening = 0;
    const { url } = data;
    try { takeState(await call("GET", ""), url); } catch (error) {
      if (error.message === "404") state.phone = ""; // that server was started anew
    }
    const said = document.querySelector(".phone-said"); // in the dialog
    if (said && said.textContent !== state.phone) said.textContent = state.phone;
    listen();
    render();
  }, LISTEN_MS);
};

const call = async (method, path, url = data.url, body = undefined) => {
  const answer = await fetch(url + path, { method, body, credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
};

const change = async (method, path) => {
  const { url } = data;
  try { takeState(await call(method, path), url); } catch { tell(text("gone")); }
  render();
};

const moveIn = async (before) => {
  const files = new Map(kept);
  const { url } = data;
  store(TRAY, url);
  isKnown = true;
  if (!before) return;
  isMoving = true;
  try {
    takeState(await call("POST", `/from/${before.split("/").pop()}`), url);
  } catch { // that server is gone; what was chosen on this page goes up again
    for (const each of local) each.request?.abort();
    local = [];
    for (const [number, file] of files) begin(number, file);
    pump();
  }
  isMoving = false;
  flush();
  render();
};

// A connection may lead to a server that was started anew; a run of the script tells its tray then.
const reconnect = async () => {
  isKnown = false;
  render();
  if (!isConnected()) return;
  const { url } = data;
  try {
    takeState(await call("GET", ""), url);
    isKnown = true;
  } catch { /* unknown there */ }
  flush();
  render();
};

const begin = (number, file) => {
  kept.set(number, file);
  const preview = DRAWABLE.test(file.type) ? URL.createObjectURL(file) : "";
  local.push({ number, file, preview, status: "waiting", done: 0 });
};

const add = (files) => {
  if (!files.length) return;
  const room = roomFor();
  for (const file of files.slice(0, Math.max(0, room))) {
    lastNumber = Math.max(lastNumber + 1, Date.now());
    begin(lastNumber, file);
  }
  const count = Math.max(0, files.length - Math.max(0, room));
  tell(count ? text("left_out", { count, number: fixed.most }) : "");
  pump();
  render();
  if (!isTouch()) ui?.area.focus();
};

const roomFor = () => fixed.most - entries().filter((each) => each.state !== "failed")
  .reduce((sum, each) => sum + (each.count ?? 1), 0);

const pump = () => {
  const busy = local.filter((each) => each.status === "sending").length;
  local.filter((each) => each.status === "waiting").slice(0, UPLOADS_AT_ONCE - busy).forEach(upload);
};

const upload = (entry) => {
  const request = (entry.request = new XMLHttpRequest());
  const { url } = data;
  entry.status = "sending";
  const end = (isCut) => {
    if (!local.includes(entry)) return;
    if (isCut) entry.status = "cut";
    else {
      local = local.filter((each) => each !== entry);
      if (entry.preview) setTimeout(() => URL.revokeObjectURL(entry.preview), 10000);
      takeState(request.response, url);
    }
    pump();
    flush();
    render();
  };
  request.upload.onprogress = ({ loaded, total }) => {
    entry.done = total ? loaded / total : 1;
    render();
  };
  request.onload = () => end(request.status !== 200 || url !== data.url);
  request.onerror = request.ontimeout = () => end(true);
  request.open("PUT", `${url}/${entry.number}`);
  request.responseType = "json";
  request.setRequestHeader("X-File-Name", encodeURIComponent(entry.file.name));
  request.send(entry.file);
};

const remove = (entry) => {
  if (!entry.own) return change("DELETE", `/${entry.id}`);
  entry.own.request?.abort();
  local = local.filter((each) => each !== entry.own);
  pump();
  flush();
  render();
};

// What a person draws on a picture that waits; the server cuts it out of the file.
const mark = async (entry) => {
  const { url } = data, drawn = unmarked.get(entry.key) ?? entry.regions;
  const there = entry.regions.length;
  const most = Math.max(there, Math.min(fixed.mostRegions, roomFor() + there));
  const labels = { ...fixed.regionTexts, name: entry.name };
  labels.full = labels.full.replace("{number}", fixed.most);
  const said = most < 1 ? labels.full : ""; // it can be pixelated all the same
  const found = await draw({
    parent: ui.root, url: `${url}/${entry.id}/large?${entry.look}`, size: entry.size,
    regions: drawn, most, labels, said,
    actions: [
      { name: "pixelate", label: text("pixelate") },
      { name: "mark", label: labels.done, isMain: true },
    ],
  });
  if (!found) return;
  const before = new Set(entry.regions.map(String));
  const isNew = (region) => !before.has(String(region));
  if (found.action === "pixelate") return pixelate(entry, found.regions.filter(isNew));
  marking = entry.key;
  render();
  const body = JSON.stringify(found.regions);
  try {
    takeState(await call("POST", `/${entry.id}/regions`, url, body), url);
    unmarked.delete(entry.key);
  } catch {
    unmarked.set(entry.key, found.regions);
    tell(text("gone"));
  }
  marking = null;
  flush();
  render();
};

const draw = async (options) => {
  isDrawing = true;
  const found = await editRegions(options);
  isDrawing = false;
  flush();
  return found;
};

// What is drawn, and the faces that were found, become unrecognisable in the file itself. So this
// page forgets it first: what is kept goes up again to a server that was started anew.
const pixelate = async (entry, drawn) => {
  const { url } = data, labels = { ...fixed.regionTexts, ...fixed.pixelateTexts, name: entry.name };
  labels.full = labels.full.replace("{number}", fixed.mostPixelated);
  if (entry.pageCount) labels.help += ` ${labels.help_page}`;
  const found = await draw({
    parent: ui.root, url: `${url}/${entry.id}/large?${entry.look}`, size: entry.size,
    regions: [...(unpixelated.get(entry.key) ?? []), ...drawn], most: fixed.mostPixelated, labels,
    actions: [
      { name: "find", label: labels.find, finding: labels.finding,
        find: () => findFaces(entry, labels) },
      { name: "pixelate", label: labels.done, whenEmpty: labels.empty, isMain: true },
    ],
  });
  if (!found) return;
  kept.delete(entry.file);
  marking = entry.key;
  render();
  try {
    takeState(await call("POST", `/${entry.id}/pixelate`, url, JSON.stringify(found.regions)), url);
    unpixelated.delete(entry.key);
    told = text("pixelated", { name: entry.name, count: found.regions.length });
  } catch {
    unpixelated.set(entry.key, found.regions);
    queued = null; // nothing is sent as it is without another word
    told = text("not_pixelated", { name: entry.name });
  }
  marking = null;
  flush();
  render();
  if (!isTouch()) ui?.area.focus(); // the tile's button was away for a while
};

const findFaces = async (entry, labels) => {
  try {
    const regions = await call("GET", `/${entry.id}/faces`);
    const said = regions.length ? labels.found : labels.found_none;
    return { regions, said: said.replace("{count}", regions.length) };
  } catch {
    return { regions: [], said: labels.find_failed };
  }
};

const entries = () => {
  const sent = new Set(pending?.pictures);
  const mine = new Set(local.map((each) => each.number));
  const there = state.items.filter((item) => !sent.has(item.id) && !mine.has(item.file));
  const underway = local.map((own) => ({
    id: "", file: own.number, name: own.file.name, own,
    state: own.status === "cut" ? "failed" : "working",
    reason: own.status === "cut" ? text("cut", { name: own.file.name }) : "",
  }));
  const places = new Map();
  return [...there, ...underway].sort((one, other) => one.file - other.file).map((entry) => {
    const place = places.get(entry.file) ?? 0;
    places.set(entry.file, place + 1);
    const key = `${entry.file}.${place}`;
    const isMarking = key === marking && entry.state === "ready";
    return { ...entry, key, isFirst: place === 0, ...(isMarking ? { state: "working" } : {}) };
  });
};

// --- sending ---

const isBusy = () => (data.busy && data.busy !== ended) || pending !== null;
const obstacle = () => {
  if (!isConnected() || !isKnown) return "offline";
  if (isBusy()) return "queued";
  const isUploading = isMoving || isDrawing || entries().some((each) => each.state === "working");
  return isUploading ? "uploading" : "";
};

const send = (value) => {
  const there = entries();
  const pictures = there.filter((each) => each.state !== "failed");
  if (!value.trim() && !pictures.length) {
    if (there.length) tell(text("failed_only"));
    return;
  }
  if (there.length && !pictures.length) return tell(text("failed_only"));
  queued = { text: value };
  told = "";
  flush();
  render();
};

const flush = () => {
  if (!queued || !ui || obstacle()) return;
  const value = queued.text;
  const pictures = entries().filter((each) => each.state === "ready").map((each) => each.id);
  queued = null;
  if (!value.trim() && !pictures.length) return render();
  offered = [];
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-").slice(0, 40);
  pending = { id, text: value, conversation: shownOf, url: data.url, since: Date.now(), pictures };
  if (!data.isPrivate) store(SENT, JSON.stringify(pending));
  if (ui.area.value === value) setText("");
  act("ask", { id, text: value, pictures });
  isFollowing = true;
  goToEnd();
  render();
  setTimeout(inquire, ASK_AGAIN_MS);
};

const settle = (next, url) => {
  if (!pending || url !== pending.url) return;
  const isStored = next.stored.includes(pending.id);
  const isBack = next.givenBack.some((each) => each.id === pending.id);
  const isTaken = next.taken.includes(pending.id);
  const age = !isTaken && isConnected() ? Date.now() - pending.since : 0;
  if (age > REPEAT_MS && !pending.isRepeated) {
    pending.isRepeated = true;
    act("ask", { id: pending.id, text: pending.text, pictures: pending.pictures });
  }
  const isLost = age > LOST_MS;
  if (isStored || isBack || isLost) conclude(isStored);
};

const conclude = (isStored) => {
  const { id, text: value, conversation } = pending;
  handled.add(id);
  pending = null;
  store(SENT, "");
  if (!isStored) giveBack(conversation, value);
  flush();
  render();
};

const inquire = async () => {
  if (!pending) return;
  const { id, url } = pending;
  try {
    const next = await call("GET", "", url);
    if (pending?.id !== id) return;
    if (url === data.url) takeState(next, url);
    else settle(next, url);
    render();
  } catch (error) {
    if (pending?.id === id && error.message === "404") conclude(false); // nobody knows of it
  }
  setTimeout(inquire, ASK_AGAIN_MS * (pending && Date.now() - pending.since > 5000 ? 4 : 1));
};

const stop = () => act("stop");

// --- the page around it ---

const goToEnd = () => page()?.scrollTo(0, page().scrollHeight);
const isAtEnd = () => {
  const main = page();
  return !main || main.scrollHeight - main.scrollTop - main.clientHeight < NEAR_END_PX;
};
const follow = () => {
  const isOpening = Date.now() - openedAt < OPENING_MS;
  if (isFollowing && (isBusy() || isOpening)) goToEnd();
  if (ui) ui.toEnd.hidden = isFollowing || isAtEnd() || data.conversation === "new";
};

const choose = (what) => {
  if (!ui) return;
  if (what !== "camera") ui.files.click();
  else if (isTouch()) ui.shot.click();
  else act("camera");
};

const filesOf = async (transfer) => {
  const found = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  const all = await Promise.all(found.map(([entry, file]) =>
    entry?.isDirectory ? inFolder(entry) : file ? [file] : []));
  return all.flat();
};

const inFolder = async (folder) => {
  const reader = folder.createReader();
  const found = [];
  const some = () => new Promise((done, fail) => reader.readEntries(done, fail));
  for (let part = await some(); part.length; part = await some()) found.push(...part);
  found.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  const all = await Promise.all(found.map((entry) => {
    if (entry.isDirectory) return inFolder(entry);
    if (!PICTURE.test(entry.name) || entry.name.startsWith(".")) return [];
    return new Promise((done) => entry.file((file) => done([file]), () => done([])));
  }));
  return all.flat();
};

const isDrag = (event) => ui && event.dataTransfer?.types.includes("Files") &&
  !event.target.closest?.('[data-testid="stFileUploader"]');
const light = (isOn) => {
  if (ui && ui.drop.matches(":popover-open") !== isOn) ui.drop.togglePopover(isOn);
};

const paste = (event) => {
  if (!ui || !event.clipboardData) return;
  const isOurs = event.target === ui.area;
  if (!isOurs && event.target.closest?.("input, textarea, [contenteditable=true]")) return;
  const files = [...event.clipboardData.files];
  const value = event.clipboardData.getData("text/plain");
  // a manager of files gives their names or paths as the text, some programs a picture's address
  const isName = value.trim().split(/\s*\n\s*/).every((line) => ADDRESS.test(line) ||
    files.some((file) => file.name === line.replace(/^"|"$/g, "").split(/[\\/]/).pop()));
  const isText = Boolean(value.trim()) && !(files.length && isName);
  if (!isText && !files.length) return;
  if (!isText) {
    event.preventDefault();
    event.stopImmediatePropagation();
    add(files);
    return;
  }
  if (!isOurs) {
    event.preventDefault();
    ui.area.focus();
    document.execCommand("insertText", false, value);
  }
  // Excel and Word put a picture of the text beside it
  if (files.every((file) => file.type.startsWith("image/"))) setTimeout(() => {
    offered = files;
    render();
  }, 0);
};

const press = (event) => {
  if (!ui || event.key !== "Escape" || event.defaultPrevented) return;
  if (ui.menu.matches(":popover-open") || document.querySelector('[role="dialog"]')) return;
  const close = new CustomEvent("augenblick:close", { cancelable: true });
  if (!document.dispatchEvent(close) || event.defaultPrevented) return;
  if (queued) { queued = null; render(); } else if (isBusy()) stop();
};

const clickPage = (event) => {
  const sample = event.target.closest?.("[data-sample]");
  const way = event.target.closest?.("[data-choose]");
  if (way) choose(way.dataset.choose);
  if (sample && data && !isBusy()) act("sample", { name: sample.dataset.sample });
};

document.addEventListener("augenblick:answer", ({ detail }) => {
  if (detail.state === "ended") ended = detail.busy;
  flush();
  if (ui) render();
});
document.addEventListener("augenblick:choose", (event) => choose(event.detail));
document.addEventListener("click", clickPage);
document.addEventListener("keydown", press);
document.addEventListener("paste", paste, true);
document.addEventListener("scroll", (event) => {
  if (event.target !== page()) return;
  const isUp = page().scrollTop < scrolledTo - 2; // an answer that grows moves nobody up
  scrolledTo = page().scrollTop;
  if (isAtEnd() || isUp) isFollowing = isAtEnd();
  if (ui) ui.toEnd.hidden = isFollowing || data.conversation === "new";
}, true);
for (const kind of ["dragenter", "dragover"]) window.addEventListener(kind, (event) => {
  if (!isDrag(event)) return light(false);
  event.preventDefault();
  event.stopPropagation();
  event.dataTransfer.dropEffect = "copy";
  light(true);
}, true);
window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) light(false); }, true);
window.addEventListener("drop", async (event) => {
  if (!isDrag(event)) return light(false);
  event.preventDefault();
  event.stopPropagation();
  light(false);
  add(await filesOf(event.dataTransfer));
}, true);

// --- drawing ---

const tell = (value) => {
  told = value;
  render();
};

const button = (label, onClick, className = "") => {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: label, onclick: onClick, className });
  return made;
};

// Elements stay where they are, so that focus and pictures do.
const drawList = (list, all, make, fill) => {
  const wanted = new Set(all.map((entry) => entry.key));
  for (const child of [...list.children]) {
    if (wanted.has(child.dataset.key)) continue;
    const hadFocus = child.contains(document.activeElement);
    const next = child.nextElementSibling ?? child.previousElementSibling;
    child.remove();
    if (hadFocus) (next?.querySelector(".composer-remove") ?? ui.area).focus();
  }
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  all.forEach((entry, at) => {
    const child = old.get(entry.key) ?? make();
    child.dataset.key = entry.key;
    fill(child, entry);
    if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null);
  });
};

const makeTile = () => {
  const tile = document.createElement("li");
  tile.innerHTML = '<img alt="" hidden><span class="composer-wait"></span>' +
    '<span class="composer-page" aria-hidden="true"></span>' +
    `<button type="button" class="composer-mark">${icon("mark")}<span></span></button>` +
    `<button type="button" class="composer-turn">${icon("turn")}</button>` +
    `<button type="button" class="composer-remove">${icon("remove")}</button>`;
  return tile;
};

const fillTile = (tile, entry) => {
  const [image, wait, page, marks, turn, away] = tile.children;
  const name = entry.pageCount ? `${entry.name}, ${text("page", { number: entry.page })}` : entry.name;
  const source = entry.own ? entry.own.preview : `${data.url}/${entry.id}/picture?${entry.look}`;
  const isReady = entry.state === "ready";
  if (source && (entry.own || isReady) && image.dataset.source !== source) {
    image.dataset.source = source;
    const next = new Image(); // what stood there stays until this one is there
    next.onload = () => {
      if (image.dataset.source !== source) return;
      Object.assign(image, { src: source, hidden: false });
    };
    next.src = source;
  }
  image.alt = name;
  tile.title = name;
  tile.className = `composer-tile is-${entry.state}`;
  wait.hidden = isReady;
  wait.style.setProperty("--done", entry.own?.done ?? 1);
  wait.textContent = isReady ? "" : text("preparing", { name });
  page.textContent = entry.pageCount ? entry.page : "";
  turn.hidden = !isReady || entry.isPart;
  marks.hidden = entry.key !== marking && (!isReady || (entry.isPart && entry.count < 2));
  marks.disabled = entry.isPart;
  marks.title = text("mark", { name });
  marks.setAttribute("aria-label", marks.title);
  marks.lastElementChild.textContent = entry.count > 1 ? entry.count - 1 : "";
  marks.onclick = () => marking === null && mark(entry);
  turn.setAttribute("aria-label", text("turn", { name }));
  turn.onclick = () => change("POST", `/${entry.id}/turn`);
  away.setAttribute("aria-label", text("remove", { name }));
  away.onclick = () => remove(entry);
};

const fillProblem = (line, entry) => {
  const label = entry.reason;
  if (line.dataset.label === label) return;
  line.dataset.label = label;
  const words = document.createElement("span");
  words.textContent = label;
  const away = button("", () => remove(entry), "composer-remove");
  away.innerHTML = icon("remove");
  away.setAttribute("aria-label", text("remove", { name: entry.name }));
  const again = () => {
    entry.own.status = "waiting";
    pump();
    render();
  };
  line.replaceChildren(words, ...(entry.own ? [button(text("again"), again)] : []), away);
};

// "1-3, 7" of the pages of a PDF that are taken
const ranges = (numbers) => numbers.reduce((found, number) => {
  const last = found.at(-1);
  if (last && last[1] === number - 1) last[1] = number;
  else found.push([number, number]);
  return found;
}, []).map(([from, to]) => (from === to ? from : `${from}\u2013${to}`)).join(", ");

const makePdf = () => {
  const line = document.createElement("li");
  line.append(document.createElement("span"), button("", () => {}));
  return line;
};

const fillPdf = (line, entry) => {
  const pages = state.items.filter((item) => item.file === entry.file).map((item) => item.page);
  const [said, choose] = line.children;
  const params = { name: entry.name, count: ranges(pages), number: entry.pageCount };
  said.textContent = text("pages", params);
  choose.textContent = text("choose_pages");
  choose.setAttribute("aria-label", `${text("choose_pages")}: ${entry.name}`);
  choose.onclick = () => act("pages", { item: entry.id });
};

const drawChips = (there) => {
  const area = ui.area.value;
  if (offered.length && !area.trim()) offered = [];
  const good = there.filter((each) => each.state !== "failed");
  const kind = good.some((each) => each.pageCount) ? "pdf" : good.length > 1 ? "several" : "one";
  const chips = !area.trim() && good.length && !queued
    ? fixed.chips[kind].map((label) => [label, () => send(label)]) : [];
  if (offered.length) chips.push([text("paste"), () => {
    const files = offered;
    offered = [];
    add(files);
    ui.area.focus();
  }]);
  const labels = chips.map(([label]) => label).join("\n");
  if (ui.chips.dataset.labels === labels) return;
  ui.chips.dataset.labels = labels;
  ui.chips.replaceChildren(...chips.map(([label, onClick]) => button(label, onClick)));
};

const drawNote = () => {
  const value = queued ? text(obstacle() || "queued") : told;
  if (ui.note.dataset.value === value) return;
  ui.note.dataset.value = value;
  const cancel = () => {
    queued = null;
    render();
    ui.area.focus();
  };
  ui.note.replaceChildren(value, ...(queued ? [button(text("cancel"), cancel)] : []));
};

const render = () => {
  if (!ui || !data) return;
  const there = entries();
  if (!isMoving && !pending) {
    const numbers = new Set(there.map((each) => each.file));
    for (const number of kept.keys()) if (!numbers.has(number)) kept.delete(number);
  }
  drawList(ui.tray, there.filter((each) => each.state !== "failed"), makeTile, fillTile);
  drawList(ui.pdfs, there.filter((each) => each.pageCount && each.isFirst), makePdf, fillPdf);
  drawList(ui.problems, there.filter((each) => each.state === "failed"),
    () => document.createElement("li"), fillProblem);
  drawChips(there);
  drawNote();
  const busy = isBusy();
  if (ui.send.dataset.busy !== String(busy)) {
    ui.send.dataset.busy = busy;
    ui.send.innerHTML = icon(busy ? "stop" : "send");
  }
  ui.send.setAttribute("aria-label", text(busy ? "stop" : "send"));
  const isEmpty = !busy && !ui.area.value.trim() && !there.length;
  ui.send.setAttribute("aria-disabled", isEmpty); // disabled, it would lose the focus
  ui.root.classList.toggle("is-private", data.isPrivate);
  ui.badge.textContent = data.isPrivate ? text("private_badge") : "";
  follow();
};

const drawWords = () => {
  ui.area.placeholder = text("placeholder");
  ui.area.setAttribute("aria-label", text("placeholder"));
  ui.tray.setAttribute("aria-label", text("tray"));
  ui.add.setAttribute("aria-label", text("add"));
  ui.add.title = text("add");
  ui.toEnd.setAttribute("aria-label", text("to_end"));
  ui.drop.firstElementChild.textContent = text("drop");
  ui.menu.setAttribute("aria-label", text("menu"));
  const labels = {
    files: "choose", camera: "camera", phone: "phone", earlier: "earlier", options: "options",
    private: "private",
  };
  for (const item of ui.menu.children) {
    const name = item.dataset.act;
    item.innerHTML = icon(name) + "<span></span>";
    item.lastElementChild.textContent = text(labels[name]);
    if (name === "phone") item.hidden = isTouch(); // it has a camera itself
    if (name !== "private") continue;
    item.hidden = !data.canBePrivate;
    item.setAttribute("aria-checked", data.isPrivate);
  }
};

const openMenu = () => {
  const place = ui.add.getBoundingClientRect();
  ui.menu.togglePopover();
  ui.menu.style.left = `${place.left}px`;
  ui.menu.style.bottom = `${window.innerHeight - place.top + 8}px`;
  if (ui.menu.matches(":popover-open")) ui.menu.querySelector("button:not([hidden])").focus();
};

const chooseInMenu = (event) => {
  const name = event.target.closest("[data-act]")?.dataset.act;
  if (!name) return;
  ui.menu.hidePopover();
  if (name === "private") act("private", { isOn: !data.isPrivate });
  else if (name === "files" || name === "camera") choose(name);
  else act(name);
};

const moveInMenu = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const shown = [...ui.menu.children].filter((item) => !item.hidden);
  const at = shown.indexOf(document.activeElement);
  shown[(at + step + shown.length) % shown.length].focus();
};

const type = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
    event.preventDefault();
    send(ui.area.value);
  } else if (event.key === "ArrowUp" && !ui.area.value) {
    const pencils = document.querySelectorAll('[class*="st-key-pencil_"] button:enabled');
    if (!pencils.length) return;
    event.preventDefault();
    pencils[pencils.length - 1].click();
  }
};

const takeFiles = (input) => {
  const files = [...input.files];
  input.value = ""; // the same file can be chosen again
  add(files);
};

const mount = (root) => {
  const find = (name) => root.querySelector(`.composer-${name}`);
  ui = {
    root, isShown: false, area: root.querySelector("textarea"), toEnd: find("to-end"),
    chips: find("chips"), note: find("note"), badge: find("badge"), tray: find("tray"),
    pdfs: find("pdfs"), problems: find("problems"), add: find("add"), send: find("send"), menu: find("menu"),
    drop: find("drop"), files: find("files"), shot: find("shot"),
  };
  ui.add.innerHTML = icon("add");
  ui.toEnd.innerHTML = icon("toEnd");
  ui.add.onclick = openMenu;
  ui.menu.onclick = chooseInMenu;
  ui.menu.onkeydown = moveInMenu;
  ui.menu.ontoggle = (event) =>
    ui?.add.setAttribute("aria-expanded", event.newState === "open");
  ui.send.onclick = () => (isBusy() ? stop() : send(ui.area.value));
  ui.toEnd.onclick = () => {
    isFollowing = true;
    goToEnd();
  };
  ui.area.onkeydown = type;
  ui.area.oninput = () => {
    queued = null; // the person is not done
    told = "";
    keep(shownOf, ui.area.value);
    grow();
    render();
  };
  ui.files.onchange = () => takeFiles(ui.files);
  ui.shot.onchange = () => takeFiles(ui.shot);
  const connection = new MutationObserver(reconnect);
  const app = document.querySelector('[data-testid="stApp"]');
  connection.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  const growing = new ResizeObserver(follow);
  growing.observe(document.querySelector('[data-testid="stMainBlockContainer"]'));
  root.style.visibility = ""; // before, nobody would hear what is typed or chosen
  if (!isTouch() && document.activeElement === document.body)
    ui.area.focus({ preventScroll: true });
  ui.leave = () => {
    connection.disconnect();
    growing.disconnect();
  };
};

const rememberPending = () => {
  const before = storage()?.getItem(SENT);
  if (!before) return;
  pending = JSON.parse(before);
  inquire();
};

const take = ({ data: next, parentElement, setTriggerValue }) => {
  const root = parentElement.querySelector(".composer");
  const isFirst = data === null;
  const before = data?.url ?? storage()?.getItem(TRAY);
  act = (kind, more = {}) => setTriggerValue("act", { kind, ...more });
  data = next;
  if (ui?.root !== root) mount(root);
  if (before !== data.url || data.forgets) state = { version: -1, items: [] };
  showConversation();
  takeState(data.state, data.url);
  if (isFirst) {
    document.documentElement.dataset.composer = "";  // foot.css: now a click is heard
    rememberPending();
  }
  if (before !== data.url) moveIn(before);
  drawWords();
  flush();
  render();
};

const leave = (root) => {
  if (ui?.root !== root) return;
  ui.leave();
  ui = null;
};

document.addEventListener("augenblick:composer-drawn", ({ detail }) => fixed && take(detail));
document.addEventListener("augenblick:composer-left", ({ detail }) => leave(detail));

export default function ({ data: next }) {
  if (next.at < fixed?.at) return; // component_data.py
  const isFirst = fixed === null;
  fixed = next;
  if (isFirst) document.dispatchEvent(new Event("augenblick:composer-loaded"));
  else if (ui) {
    drawWords();
    render();
  }
}
