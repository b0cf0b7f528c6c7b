// The pictures of a conversation, to look at closely: beside it, or over the whole page.
// A picture is a layer as large as itself, in CSS pixels, under one transform: whatever is drawn
// on the layer stands in pixels of the picture.

const MOST_SCALE = 8;
const STEP = 1.5; // of the buttons and keys
const PAN_PX = 64;
const SWIPE_PX = 70;
const TAP_PX = 8;
const DOUBLE_MS = 350;
const LEGIBLE_PX = 14; // of a line of text
const GOING_MS = 250;
const SCROLLING_MS = 400; // after a turn of the wheel or a finger's move
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

const build = (root) => {
  const find = (name) => root.querySelector(`.viewer-${name}`);
  const [home, box, stage, layer, caption, thumbs, dialog] = [
    "home", "box", "stage", "layer", "caption", "thumbs", "dialog",
  ].map(find);
  const ended = new AbortController();
  const listen = (target, types, act, options) => {
    for (const type of types.split(" "))
      target.addEventListener(type, act, { signal: ended.signal, ...options });
  };

  let data = {}, pictures = [], index = 0, opener = null, followed = "";
  let scale = 1, left = 0, top = 0, isFitted = true;

  // ---- where the picture stands
  const fittingScale = () => {
    const { width, height } = pictures[index];
    return Math.min(1, stage.clientWidth / width, stage.clientHeight / height);
  };
  const held = (offset, room, extent) =>
    extent <= room ? (room - extent) / 2 : clamp(offset, room - extent, 0);
  const place = (newScale, newLeft, newTop) => {
    if (!pictures.length || !stage.clientWidth) return;
    const { width, height } = pictures[index], least = fittingScale();
    scale = clamp(newScale, least, Math.max(MOST_SCALE, least));
    isFitted = scale <= least * 1.001;
    left = held(newLeft, stage.clientWidth, width * scale);
    top = held(newTop, stage.clientHeight, height * scale);
    layer.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    layer.style.setProperty("--scale", scale); // lines and words on the layer keep their size
    stage.classList.toggle("is-zoomed", !isFitted);
  };
  const fit = () => place(0, 0, 0);
  const zoom = (factor, to = [stage.clientWidth / 2, stage.clientHeight / 2], from = to) => {
    const least = fittingScale();
    const after = clamp(scale * factor, least, Math.max(MOST_SCALE, least));
    const carried = (offset, axis) => to[axis] - ((from[axis] - offset) * after) / scale;
    place(after, carried(left, 0), carried(top, 1));
  };
  const toggle = (point) => {
    if (!isFitted) return fit();
    zoom((scale > 0.95 ? 2 : 1) / scale, point); // one that is small anyway is doubled
  };

  // ---- what is outlined, in pixels of the picture
  const outlined = new Map(); // by the picture's hash
  const drawOutlines = () => {
    layer.querySelectorAll(".viewer-outline").forEach((each) => each.remove());
    for (const { x, y, width, height, label } of outlined.get(pictures[index].sha256) ?? []) {
      const outline = document.createElement("div");
      outline.className = "viewer-outline";
      outline.style.cssText = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
      if (label) outline.append(Object.assign(document.createElement("span"), { textContent: label }));
      layer.append(outline);
    }
  };
  // The first outline is brought into sight, and large enough to be read; else nothing moves.
  const goTo = ({ x, y, width, height }) => {
    const [room, extent] = [[stage.clientWidth, stage.clientHeight], [width, height]];
    const isInside = [[left + x * scale, width], [top + y * scale, height]].every(
      ([from, size], axis) => from >= 0 && from + size * scale <= room[axis]);
    if (isInside && height * scale >= LEGIBLE_PX) return;
    const largest = Math.min(...extent.map((size, axis) => (0.7 * room[axis]) / size));
    const after = Math.min(largest, Math.max(scale, (1.5 * LEGIBLE_PX) / height));
    const centre = [x + width / 2, y + height / 2];
    const [toLeft, toTop] = centre.map((at, axis) => room[axis] / 2 - at * after);
    stage.classList.add("is-going");
    place(after, toLeft, toTop);
    setTimeout(() => stage.classList.remove("is-going"), GOING_MS);
  };

  // ---- which picture it is
  const nameOf = (at) => {
    const { name } = pictures[at];
    return pictures.length > 1 ? `${name} · ${at + 1} / ${pictures.length}` : name;
  };
  const show = (at) => {
    if (!pictures.length) return;
    index = (at + pictures.length) % pictures.length;
    const { src, small, name, width, height } = pictures[index];
    if (layer.firstElementChild?.getAttribute("src") !== src) {
      const picture = Object.assign(new Image(width, height), {
        loading: "lazy", draggable: false, alt: name, src, // lazy: not while the stage is hidden
      });
      Object.assign(layer.style, {
        width: `${width}px`, height: `${height}px`, backgroundImage: `url("${small}")`,
      });
      layer.replaceChildren(picture);
      fit();
    }
    drawOutlines();
    caption.textContent = nameOf(index);
    [...thumbs.children].forEach((thumb, number) => {
      thumb.setAttribute("aria-current", number === index);
    });
    const thumb = thumbs.children[index];
    thumbs.scrollLeft = thumb.offsetLeft - (thumbs.clientWidth - thumb.clientWidth) / 2;
  };
  const drawThumbs = () => {
    thumbs.replaceChildren(...pictures.map(({ small, name }, at) => {
      const thumb = document.createElement("button"), picture = new Image();
      thumb.type = "button";
      thumb.ariaLabel = data.labels.show.replace("{name}", nameOf(at));
      Object.assign(picture, { src: small, alt: "", draggable: false });
      const words = Object.assign(document.createElement("span"), { textContent: name });
      thumb.append(picture, words, find("head [data-act=whole] svg").cloneNode(true));
      thumb.onclick = () => { if (!isOpen()) open(thumb); show(at); };
      return thumb;
    }));
    home.classList.toggle("is-several", pictures.length > 1);
    box.classList.toggle("is-several", pictures.length > 1);
  };
  const update = (fresh) => {
    const shown = pictures[index]?.sha256, isNewTurn = fresh.turn !== data.turn;
    const knew = JSON.stringify([data.pictures, data.labels]);
    data = fresh;
    if (knew === JSON.stringify([data.pictures, data.labels]) && !isNewTurn) return;
    pictures = [...data.pictures];
    for (const button of root.querySelectorAll("[data-act]"))
      button.title = button.ariaLabel = data.labels[button.dataset.act];
    dialog.ariaLabel = box.ariaLabel = data.labels.viewer;
    stage.ariaLabel = data.labels.stage;
    drawThumbs();
    const wanted = isNewTurn ? data.newest : shown;
    if (isNewTurn) followed = data.newest;
    show(Math.max(0, pictures.findIndex(({ sha256 }) => sha256 === wanted)));
  };

  // ---- over the whole page
  const isOpen = () => dialog.open || stage.clientWidth > 0;
  const open = (from) => {
    if (dialog.open) return;
    opener = from;
    dialog.append(box);
    dialog.showModal();
    stage.focus();
    fit();
  };
  const close = () => dialog.close();
  listen(dialog, "close", () => {
    home.append(box);
    const thumb = thumbs.children[index];
    (opener?.isConnected ? opener : thumb)?.focus({ preventScroll: true });
    fit();
  });
  const act = {
    previous: () => show(index - 1),
    next: () => show(index + 1),
    out: () => zoom(1 / STEP),
    in: () => zoom(STEP),
    fit,
    whole: (button) => open(button),
    close,
  };
  listen(root, "click", ({ target }) => {
    const button = target.closest("[data-act]");
    if (button) act[button.dataset.act](button);
  });

  // ---- by keyboard
  const pan = (x, y) => place(scale, left + x * PAN_PX, top + y * PAN_PX);
  const keys = {
    "+": act.in, "=": act.in, "-": act.out, 0: fit,
    1: () => zoom(1 / scale),
    Home: () => show(0),
    End: () => show(-1),
    ArrowLeft: () => (isFitted ? act.previous() : pan(1, 0)),
    ArrowRight: () => (isFitted ? act.next() : pan(-1, 0)),
    ArrowUp: () => !isFitted && pan(0, 1),
    ArrowDown: () => !isFitted && pan(0, -1),
    Escape: () => dialog.open && close(),
  };
  listen(box, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (keys[event.key]() !== false) event.preventDefault();
  });

  // ---- by pointer
  const fingers = new Map(); // where each one is, on the stage
  let moved = [0, 0], wasPinch = false, lastTap = { at: -DOUBLE_MS, point: [0, 0] };
  const pointOf = (event) => {
    const { x, y } = stage.getBoundingClientRect();
    return [event.clientX - x, event.clientY - y];
  };
  const middle = () => [0, 1].map((axis) => {
    const places = [...fingers.values()].map((point) => point[axis]);
    return places.reduce((sum, value) => sum + value, 0) / places.length;
  });
  const span = () => {
    const [one, two] = fingers.values();
    return two ? Math.hypot(one[0] - two[0], one[1] - two[1]) : 1;
  };
  const isSwipe = () => isFitted && dialog.open && !wasPinch;
  listen(stage, "pointerdown", (event) => {
    if (event.button) return;
    if (!fingers.size) [moved, wasPinch] = [[0, 0], false];
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, pointOf(event));
    wasPinch ||= fingers.size > 1;
  });
  listen(stage, "pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const [from, before] = [middle(), span()];
    fingers.set(event.pointerId, pointOf(event));
    const to = middle();
    moved = [0, 1].map((axis) => moved[axis] + to[axis] - from[axis]);
    if (isSwipe()) layer.style.translate = `${moved[0]}px ${Math.max(0, moved[1])}px`;
    else zoom(span() / before, to, from);
  });
  const settle = (event) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    layer.style.translate = "";
    if (event.type === "pointercancel" || wasPinch) return;
    const [x, y] = moved, isAcross = Math.abs(x) > Math.abs(y);
    if (Math.hypot(x, y) < TAP_PX) return tap(event);
    if (!isSwipe()) return;
    if (isAcross && Math.abs(x) > SWIPE_PX) show(index - Math.sign(x));
    if (!isAcross && y > SWIPE_PX) close();
  };
  const tap = (event) => {
    const point = pointOf(event), { at, point: [x, y] } = lastTap;
    const isNear = Math.hypot(point[0] - x, point[1] - y) < 4 * TAP_PX;
    const isSecond = isNear && event.timeStamp - at < DOUBLE_MS;
    if (isSecond) toggle(point);
    lastTap = { at: isSecond ? -DOUBLE_MS : event.timeStamp, point };
  };
  listen(stage, "pointerup pointercancel", settle);
  listen(stage, "wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? 16 : 1); // lines, in Firefox
    zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), pointOf(event)); // Ctrl: a pinch
  }, { passive: false });

  // ---- from elsewhere on the page
  const adopt = ({ href, dataset: { picture: sha256 }, firstElementChild: image }) => {
    if (pictures.some((known) => known.sha256 === sha256)) return;
    const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)));
    pictures.push({ sha256, src: href, small: image.src, name: image.alt, width, height });
    drawThumbs();
  };
  listen(document, "click", (event) => {
    const link = event.target.closest?.("a[data-picture]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    adopt(link);
    const detail = { sha256: link.dataset.picture };
    document.dispatchEvent(new CustomEvent("augenblick:view", { detail }));
  });
  listen(document, "augenblick:view", ({ detail }) => {
    const at = pictures.findIndex(({ sha256 }) => sha256 === detail.sha256);
    if (at < 0) return;
    if (!isOpen()) open(document.activeElement);
    show(at);
  });
  // `outlines` are { x, y, width, height, label } in pixels of the picture; none takes them away.
  // A hidden viewer opens only where `opens` says so.
  listen(document, "augenblick:outline", ({ detail: { sha256, outlines, opens } }) => {
    const at = pictures.findIndex((each) => each.sha256 === sha256);
    if (at < 0) return;
    outlined.clear();
    outlined.set(sha256, outlines);
    if (!outlines.length) return drawOutlines();
    if (!isOpen() && !opens) return;
    if (!isOpen()) open(document.activeElement);
    show(at);
    goTo(outlines[0]);
  });
  listen(document, "click", ({ target }) => {
    const { outlined: sha256, outlines } = target.closest?.("[data-outlines]")?.dataset ?? {};
    if (!sha256) return;
    const detail = { sha256, outlines: JSON.parse(outlines), opens: true };
    document.dispatchEvent(new CustomEvent("augenblick:outline", { detail }));
  });
  listen(document, "augenblick:close", () => dialog.open && close());
  // Beside the conversation it follows the question in sight, where somebody scrolls; not where
  // the page does so for a new message.
  let isDue = false, scrolledAt = -SCROLLING_MS;
  const follow = (scrolling) => {
    isDue = false;
    if (dialog.open || !stage.clientWidth || performance.now() - scrolledAt > SCROLLING_MS) return;
    scrolledAt = performance.now(); // it rolls out
    const rows = [...document.querySelectorAll('[data-testid="stChatMessage"] .pictures')];
    const isAtEnd = scrolling.scrollTop + scrolling.clientHeight > scrolling.scrollHeight - 8;
    const row = isAtEnd ? rows.at(-1)
      : rows.findLast((each) => each.getBoundingClientRect().top < innerHeight / 2);
    const sha256 = row?.querySelector("[data-picture]")?.dataset.picture ?? "";
    if (!sha256 || sha256 === followed) return;
    followed = sha256;
    const at = pictures.findIndex((each) => each.sha256 === sha256);
    if (at >= 0) show(at);
  };
  listen(document, "wheel touchmove", () => { scrolledAt = performance.now(); }, { passive: true });
  listen(document, "scroll", ({ target }) => {
    if (isDue || target === document) return;
    isDue = true;
    requestAnimationFrame(() => follow(target));
  }, { capture: true, passive: true });
  const watching = new ResizeObserver(() => (isFitted ? fit() : place(scale, left, top)));
  watching.observe(stage);
  const end = () => {
    ended.abort();
    watching.disconnect();
  };
  return { update, end };
};

const viewers = new WeakMap();
export default function ({ data, parentElement }) {
  if (!viewers.has(parentElement)) viewers.set(parentElement, build(parentElement));
  const viewer = viewers.get(parentElement);
  viewer.update(data);
  return () => { if (!parentElement.isConnected) viewer.end(); };
}
