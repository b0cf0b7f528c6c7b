// The page of a phone that sends photos to another device, see web/phone_camera.py.

const photos = document.querySelector(".photos");
let last = 0; // each photo has a number, and keeps it when it is sent again
let sent = Promise.resolve(); // one after the other

const make = (id) =>
  document.getElementById(id).content.firstElementChild.cloneNode(true);

const show = (line, state, said = photos.dataset[state]) => {
  const [, words, again] = line.children;
  line.className = `is-${state}`;
  words.textContent = said;
  again.hidden = state !== "cut";
};

const send = async (line, file, number) => {
  show(line, "sending");
  try {
    const answer = await fetch(`${location.pathname}/${number}`, {
      method: "PUT", body: file, headers: { "X-File-Name": encodeURIComponent(file.name) },
    });
    if (answer.status === 404) return document.querySelector("main").replaceChildren(make("ended"));
    if (!answer.ok) throw new Error(answer.status);
    const { picture, reason } = await answer.json();
    if (picture) Object.assign(line.querySelector("img"), { src: picture, hidden: false });
    if (reason) show(line, "refused", reason);
    else show(line, "arrived");
  } catch {
    show(line, "cut");
  }
};

const add = (file) => {
  const line = make("photo");
  const number = (last = Math.max(last + 1, Date.now()));
  const begin = () => {
    show(line, "sending");
    sent = sent.then(() => send(line, file, number));
  };
  line.querySelector("button").onclick = begin;
  photos.prepend(line);
  begin();
};

for (const input of document.querySelectorAll("input")) input.onchange = () => {
  [...input.files].forEach(add);
  input.value = ""; // the same file can be chosen again
};
