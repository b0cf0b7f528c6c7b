// Opens and closes the panel of experts; panel.css says where it stands.
// Streamlit imports this once and calls the function at the end whenever the data has changed.

const BESIDE = window.matchMedia("(min-width: 1100px)"); // there it covers nothing; as in panel.css
const LEADS_ELSEWHERE = ".st-key-bar_new, .st-key-new_conversation, .st-key-recent";
const root = document.documentElement;

let button;
let at; // when the data changed

const isOpen = () => (root.dataset.panel ?? (BESIDE.matches ? "open" : "closed")) === "open";
const showState = () => button.setAttribute("aria-expanded", isOpen());
const setOpen = (wanted) => {
  root.dataset.panel = wanted ? "open" : "closed";
  showState();
};
const uncover = () => {
  if (BESIDE.matches || !isOpen() || !button.isConnected) return false;
  setOpen(false);
  return true;
};
const install = () => {
  BESIDE.addEventListener("change", showState);
  document.addEventListener("augenblick:close", (event) => {
    if (!uncover()) return;
    event.preventDefault(); // Escape closes what lies on top, and no more
    button.focus();
  });
  document.addEventListener("augenblick:answer", ({ detail: { state } }) => {
    if (state === "writing") uncover();
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.(LEADS_ELSEWHERE)) uncover();
  });
};

export default function ({ data, parentElement }) {
  const isFirst = button === undefined;
  if (data.at < at) return; // component_data.py
  at = data.at;
  button = parentElement.querySelector("button");
  button.title = button.ariaLabel = data.label;
  button.onclick = () => setOpen(!isOpen());
  if (isFirst) install();
  showState();
}
