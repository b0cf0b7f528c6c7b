// The two buttons below an answer: a click marks one, another takes it back, and the server is told.
// What is pressed is shown at once, and put back with a word where it could not be saved.

const SAID_MS = 4000;
const queues = new Map(); // by address, so that two clicks arrive in their order

const pressed = (row) => row.querySelector('[aria-pressed="true"]')?.dataset.rating ?? "none";
const show = (row, rating) => {
  for (const button of row.querySelectorAll("[data-rating]")) {
    button.setAttribute("aria-pressed", String(button.dataset.rating === rating));
  }
};
const rowsOf = (address) =>
  document.querySelectorAll(`.rating[data-address="${CSS.escape(address)}"]`);
const save = async (address, rating) => {
  try {
    const url = new URL(`${address}/${rating}`, document.baseURI);
    return (await fetch(url, { method: "PUT" })).ok;
  } catch {
    return false;
  }
};
const say = (row, words) => {
  const status = row.querySelector("[role=status]");
  status.textContent = words;
  setTimeout(() => (status.textContent = ""), SAID_MS);
};
const rate = (button, words) => {
  const row = button.closest(".rating"), { address } = row.dataset, before = pressed(row);
  const wanted = button.dataset.rating === before ? "none" : button.dataset.rating;
  show(row, wanted);
  const saved = (queues.get(address) ?? Promise.resolve()).then(() => save(address, wanted));
  queues.set(address, saved);
  saved.then((isSaved) => {
    if (isSaved) return;
    for (const each of rowsOf(address)) { // drawn anew meanwhile, it may be another
      show(each, before);
      say(each, words.failed);
    }
  });
};

let words = {}; // in the language of the page
// Once, for Streamlit calls what is below again for each change of the words.
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.(".rating [data-rating]");
  if (button) rate(button, words);
});

export default function ({ data }) {
  words = data;
}
