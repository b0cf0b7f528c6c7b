// A picture on which a person draws numbered regions, in a dialog of its own. It knows neither where
// the picture comes from nor what becomes of the regions. Python puts this file before the script of
// a component that uses it, so nothing but `editRegions` stands at the top level.

const editRegions = (() => {
  const LEAST_PX = 12; // of a region's side, as shown
  const STEP = 0.01; // of a side of the picture, with an arrow key
  const ADDED = 0.3; // of a side of the picture, by the button
  const ZOOM = 1.5;
  const MOST_ZOOM = 8;
  const LONG = 3; // times as long as wide: a strip,
  const NARROW_PX = 200; // which is shown this wide at least, and scrolled
  const BADGE_PX = 26;
  const MARGIN_PX = 14; // around the picture, where handles at its edge are
  const ARROWS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  const CORNERS = ["nw", "ne", "sw", "se"];
  const LENS = "M16 16l5 5M18 10.5a7.5 7.5 0 1 1-15 0a7.5 7.5 0 0 1 15 0M7 10.5h7";
  const SIGNS = {
    out: LENS, in: `${LENS}M10.5 7v7`, close: "M6 6l12 12M18 6L6 18",
    add: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M8 12h8M12 8v8",
    remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  };
  const HTML = `
    <header>
      <h2></h2>
      <button type="button" data-act="out"></button>
      <button type="button" data-act="in"></button>
      <button type="button" data-act="close"></button>
    </header>
    <p class="regions-help"></p>
    <div class="regions-stage"><div class="regions-picture"><img draggable="false"></div></div>
    <p class="regions-said" role="status"></p>
    <footer>
      <div class="regions-modes" role="group">
        <button type="button" data-act="draw"></button><button type="button" data-act="move"></button>
      </div>
      <button type="button" data-act="add"></button>
      <button type="button" data-act="remove"></button>
      <div class="regions-ends"></div>
    </footer>`;

  const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
  const round = (value) => Math.round(value * 1e5) / 1e5;

  // From the regions as fractions [left, top, width, height] of the upright picture to a promise of
  // { action, regions }, or of null where the person went back.
  //
  // parent   where the dialog stands in the page
  // url      the picture; `size` is its [width, height] in pixels, of which only the shape counts
  // most     so many regions at most
  // said     what is said at first
  // actions  the buttons that end it: { name, label, isMain, whenEmpty }; where there is no region,
  //          one with words for that says them instead. One with `find`, which promises
  //          { regions, said }, does not end it: it adds these and says that, and `label` meanwhile
  //          in `finding`
  // labels   title, help, keys, add, remove, draw, move, in, out, close, name, full; and with the
  //          places {number}: region; {number}, {left}, {top}, {width}, {height}: place
  return ({ parent, url, size, regions = [], most = 9, said: first = "", actions, labels }) => {
    const dialog = document.createElement("dialog");
    dialog.className = "regions";
    dialog.innerHTML = HTML;
    const [stage, canvas, image, said, modes, ends] = [
      ".regions-stage", ".regions-picture", "img", ".regions-said", ".regions-modes", ".regions-ends",
    ].map((each) => dialog.querySelector(each));
    const act = (name) => dialog.querySelector(`[data-act="${name}"]`);
    const fill = (label, params) =>
      label.replace(/\{(\w+)\}/g, (whole, place) => params[place] ?? whole);

    let boxes = regions.slice(0, most).map(([left, top, width, height]) =>
      ({ left, top, width, height }));
    let chosen = null; // one of them
    let gesture = null; // of the pointer that is down: { id, box, isNew, before, from, anchor }
    let zoom = 1;

    // --- drawing

    const drawBox = (box, number) => {
      box.element ??= makeBox(box);
      const { left, top, width, height, element } = box;
      Object.assign(element.style, {
        left: `${left * 100}%`, top: `${top * 100}%`,
        width: `${width * 100}%`, height: `${height * 100}%`,
      });
      element.classList.toggle("is-chosen", box === chosen);
      element.classList.toggle("is-at-top", top * canvas.clientHeight < BADGE_PX - MARGIN_PX);
      element.firstElementChild.textContent = number;
      element.setAttribute("aria-label", placeOf(box));
      if (element.parentNode !== canvas) canvas.append(element);
    };
    const makeBox = (box) => {
      const element = document.createElement("button");
      element.type = "button";
      element.className = "regions-box";
      element.setAttribute("aria-description", labels.keys);
      element.append(document.createElement("span"));
      for (const corner of CORNERS) {
        const handle = document.createElement("i");
        handle.dataset.corner = corner;
        element.append(handle);
      }
      element.onfocus = () => choose(box);
      element.onkeydown = (event) => press(event, box);
      return element;
    };
    const placeOf = (box) => {
      const percents = ["left", "top", "width", "height"].map(
        (each) => [each, Math.round(box[each] * 100)]);
      const number = boxes.indexOf(box) + 1;
      return fill(labels.place, { number, ...Object.fromEntries(percents) });
    };
    const draw = () => {
      const kept = new Set(boxes.map((box) => box.element));
      for (const element of canvas.querySelectorAll(".regions-box"))
        if (!kept.has(element)) element.remove();
      boxes.forEach((box, at) => drawBox(box, at + 1));
      const number = boxes.indexOf(chosen) + 1;
      act("add").setAttribute("aria-disabled", boxes.length >= most);
      act("remove").style.visibility = number ? "" : "hidden"; // nothing else moves
      rename("remove", fill(labels.remove, { number }));
      act("out").setAttribute("aria-disabled", zoom <= 1);
      act("in").setAttribute("aria-disabled", zoom >= MOST_ZOOM);
    };
    const lay = () => {
      const [width, height] = size;
      const room = [stage.clientWidth - 2 * MARGIN_PX, stage.clientHeight - 2 * MARGIN_PX];
      const whole = Math.min(room[0] / width, room[1] / height);
      const short = Math.min(width, height), isStrip = Math.max(width, height) > LONG * short;
      const wide = isStrip ? Math.min(NARROW_PX / short, whole * MOST_ZOOM) : 0;
      const scale = Math.max(whole, wide) * zoom;
      canvas.style.width = `${width * scale}px`;
      canvas.style.height = `${height * scale}px`;
      draw();
    };
    const middle = () => { // of what is in sight, in shares of the picture's sides
      const shown = stage.getBoundingClientRect(), whole = canvas.getBoundingClientRect();
      return [
        (shown.left + shown.width / 2 - whole.left) / whole.width,
        (shown.top + shown.height / 2 - whole.top) / whole.height,
      ];
    };
    const zoomBy = (factor) => {
      const before = middle();
      zoom = clamp(zoom * factor, 1, MOST_ZOOM);
      lay();
      const [right, down] = middle().map((now, axis) => before[axis] - now);
      stage.scrollBy(right * canvas.offsetWidth, down * canvas.offsetHeight);
    };
    const say = (words) => { said.textContent = words; };

    // --- what becomes of regions

    const choose = (box) => {
      if (chosen === box) return;
      chosen = box;
      draw();
    };
    const least = () => [canvas.clientWidth, canvas.clientHeight].map((side, at) =>
      Math.min(1, Math.max(LEAST_PX / Math.max(1, side), 2 / size[at])));
    const span = (box, [x, y], [toX, toY]) => {
      const [wide, high] = least();
      box.width = clamp(Math.abs(toX - x), wide, 1);
      box.height = clamp(Math.abs(toY - y), high, 1);
      box.left = clamp(Math.min(x, toX), 0, 1 - box.width);
      box.top = clamp(Math.min(y, toY), 0, 1 - box.height);
    };
    const move = (box, { left, top }, [right, down]) => {
      box.left = clamp(left + right, 0, 1 - box.width);
      box.top = clamp(top + down, 0, 1 - box.height);
    };
    const resize = (box, [right, down]) => {
      const [wide, high] = least();
      box.width = clamp(box.width + right, wide, 1 - box.left);
      box.height = clamp(box.height + down, high, 1 - box.top);
    };
    const begin = (box) => {
      if (boxes.length >= most) {
        say(labels.full);
        return false;
      }
      boxes.push(box);
      chosen = box;
      return true;
    };
    const add = () => {
      const side = ADDED / zoom;
      const [left, top] = middle().map((at) => clamp(at - side / 2, 0, 1 - side));
      const box = { left, top, width: side, height: side };
      if (!begin(box)) return;
      draw();
      box.element.focus({ preventScroll: true });
      say(placeOf(box));
    };
    const remove = (box) => {
      const at = boxes.indexOf(box);
      boxes = boxes.filter((each) => each !== box);
      chosen = null;
      draw();
      (boxes[Math.min(at, boxes.length - 1)]?.element ?? act("add")).focus();
      say("");
    };
    const press = (event, box) => {
      if (event.key === "Delete" || event.key === "Backspace") remove(box);
      else if (ARROWS[event.key] && !event.ctrlKey && !event.altKey && !event.metaKey) {
        const by = ARROWS[event.key].map((each) => each * STEP);
        if (event.shiftKey) resize(box, by);
        else move(box, box, by);
        draw();
        box.element.scrollIntoView({ block: "nearest", inline: "nearest" });
        say(placeOf(box));
      } else return;
      event.preventDefault();
    };

    // --- mouse and fingers

    const at = (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return [
        clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1),
      ];
    };
    const opposite = ({ left, top, width, height }, corner) =>
      [corner.includes("w") ? left + width : left, corner.includes("n") ? top + height : top];
    const down = (event) => {
      if (gesture || event.button !== 0 || isPanning(event)) return;
      event.preventDefault();
      const from = at(event), element = event.target.closest(".regions-box");
      const corner = event.target.dataset.corner;
      const box = boxes.find((each) => element && each.element === element) ??
        { left: from[0], top: from[1], width: 0, height: 0 };
      if (!element && !begin(box)) return;
      const anchor = !element ? from : corner ? opposite(box, corner) : null;
      gesture = { id: event.pointerId, box, isNew: !element, before: { ...box }, from, anchor };
      canvas.setPointerCapture(event.pointerId);
      chosen = box;
      say("");
      draw();
    };
    const drag = (event) => {
      if (event.pointerId !== gesture?.id) return;
      const { box, before, from, anchor } = gesture, to = at(event);
      if (anchor) span(box, anchor, to);
      else move(box, before, [to[0] - from[0], to[1] - from[1]]);
      draw();
    };
    const up = (event) => {
      if (event.pointerId !== gesture?.id) return;
      const { box, isNew, before, from } = gesture;
      const isCut = event.type === "pointercancel", to = at(event);
      const isTap = Math.abs(to[0] - from[0]) * canvas.clientWidth < LEAST_PX / 2 &&
        Math.abs(to[1] - from[1]) * canvas.clientHeight < LEAST_PX / 2;
      gesture = null;
      if (isNew && (isCut || isTap)) { // nothing was meant
        boxes = boxes.filter((each) => each !== box);
        chosen = null;
      } else if (isCut) for (const each of ["left", "top", "width", "height"]) box[each] = before[each];
      draw();
      if (boxes.includes(box)) box.element.focus({ preventScroll: true });
    };

    // On a touch screen a finger either draws or moves the picture.
    const isPanning = (event) =>
      event.pointerType === "touch" && stage.classList.contains("is-panning");
    const setMode = (name) => {
      stage.classList.toggle("is-panning", name === "move");
      for (const each of modes.children)
        each.setAttribute("aria-pressed", each.dataset.act === name);
    };

    // --- the dialog

    const rename = (each, label) => {
      const button = act(each), words = button.querySelector("span");
      button.setAttribute("aria-label", label);
      if (words) words.textContent = label;
      else button.title = label;
    };
    const word = () => {
      dialog.querySelector("h2").textContent = labels.title;
      dialog.querySelector("h2").id = "regions-title";
      dialog.setAttribute("aria-labelledby", "regions-title");
      dialog.querySelector(".regions-help").textContent = labels.help;
      stage.tabIndex = 0; // to be scrolled
      stage.setAttribute("role", "group");
      stage.setAttribute("aria-label", labels.name);
      image.alt = labels.name;
      image.src = url;
      for (const each of ["draw", "move"]) act(each).textContent = labels[each];
      for (const [each, path] of Object.entries(SIGNS)) {
        act(each).innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>` +
          (ends.parentNode.contains(act(each)) ? "<span></span>" : "");
        rename(each, labels[each]);
      }
      ends.append(...actions.map(({ name, label, isMain }) => {
        const button = document.createElement("button");
        const className = isMain ? "is-main" : "";
        Object.assign(button, { type: "button", textContent: label, className });
        button.dataset.end = name;
        return button;
      }));
    };

    const search = async ({ find, finding }, button) => {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", true);
      say(finding);
      const { regions: found, said: words } = await find();
      const known = new Set(boxes.map((box) => fractions(box).join()));
      for (const each of found) {
        const [left, top, width, height] = each.map(round);
        const box = { left, top, width, height };
        if (!known.has(fractions(box).join()) && !begin(box)) break;
      }
      chosen = null;
      button.setAttribute("aria-disabled", false);
      draw();
      if (boxes.length < most) say(words);
    };
    const fractions = ({ left, top, width, height }) => [left, top, width, height].map(round);

    return new Promise((resolve) => {
      let result = null;
      const end = (action) => {
        result = action ? { action, regions: boxes.map(fractions) } : null;
        dialog.close();
      };
      const acts = {
        close: () => end(null), add, remove: () => chosen && remove(chosen),
        out: () => zoomBy(1 / ZOOM), in: () => zoomBy(ZOOM),
        draw: () => setMode("draw"), move: () => setMode("move"),
      };
      const observer = new ResizeObserver(lay);
      dialog.onclick = ({ target }) => {
        const button = target.closest("[data-act], [data-end]");
        const action = actions.find(({ name }) => name === button?.dataset.end);
        if (action?.find) search(action, button);
        else if (action?.whenEmpty && !boxes.length) say(action.whenEmpty);
        else if (action) end(action.name);
        else if (button) acts[button.dataset.act]();
      };
      dialog.onkeydown = (event) => event.stopPropagation(); // the page has keys of its own
      dialog.onclose = () => {
        observer.disconnect();
        dialog.remove();
        resolve(result);
      };
      canvas.onpointerdown = down;
      canvas.onpointermove = drag;
      canvas.onpointerup = canvas.onpointercancel = up;
      word();
      setMode("draw");
      parent.append(dialog);
      dialog.showModal();
      lay();
      observer.observe(stage);
      act("add").focus();
      say(first);
    });
  };
})();
