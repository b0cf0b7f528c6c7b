// Hands what a run says to composer.js, now or once that is there.
let drawn = null;
const tell = () => {
  if (!drawn?.parentElement.isConnected) return;
  document.dispatchEvent(new CustomEvent("augenblick:composer-drawn", { detail: drawn }));
};
document.addEventListener("augenblick:composer-loaded", tell);

export default function (next) {
  if (next.data.at < drawn?.data.at) return; // component_data.py
  drawn = next;
  tell();
  const root = next.parentElement.querySelector(".composer");
  return () => {
    if (root.isConnected) return;
    document.dispatchEvent(new CustomEvent("augenblick:composer-left", { detail: root }));
  };
}
