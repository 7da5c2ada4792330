// Loads this page again when the server says that something has changed, and takes over what is marked as live.
"use strict";
(() => {
  // On a narrow screen the pages' names scroll: the one that is open is in view.
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  const parts = () => document.querySelectorAll('[id^="live"]:not(#live-state)');
  if (!parts().length) return;
  const state = document.getElementById("live-state");
  const PAUSE = 1000; // at most one look in so many milliseconds
  let last = 0, timer = null, busy = false, again = false;

  const say = (name, text) => {
    if (state.textContent === text) return;
    state.dataset.state = name;
    state.textContent = text;
  };

  const take = (fresh) => {
    for (const part of parts()) {
      const found = fresh.getElementById(part.id);
      if (!found || found.innerHTML === part.innerHTML) continue;
      // What somebody is writing stays as it is; what they chose, opened or scrolled is done again.
      if (part.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select")) continue;
      const fields = "input[id], textarea, select";
      const marked = new Set([...part.querySelectorAll("input:checked")].map((one) => `${one.name}=${one.value}`));
      const written = new Map([...part.querySelectorAll(fields)].map((one) => [one.id || one.name, one.value]));
      const opened = [...part.querySelectorAll("details")].map((one) => one.open);
      const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
      const stops = "a, button, summary, input, [tabindex]";
      const focused = [...part.querySelectorAll(stops)].indexOf(document.activeElement);
      part.replaceChildren(...found.childNodes);
      part.querySelectorAll("input[type=checkbox]").forEach((one) => { one.checked = marked.has(`${one.name}=${one.value}`); });
      part.querySelectorAll(fields).forEach((one) => { one.value = written.get(one.id || one.name) ?? one.value; });
      part.querySelectorAll("details").forEach((one, number) => { one.open = opened[number] ?? false; });
      part.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = scrolled[number] ?? 0; });
      if (focused >= 0) part.querySelectorAll(stops)[focused]?.focus({ preventScroll: true });
    }
    document.dispatchEvent(new CustomEvent("fairlead:changed"));
  };

  const look = async () => {
    timer = null;
    if (busy || document.hidden) { again = true; return; }
    busy = true;
    again = false;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/control/sign-in") { location.reload(); return; }
      if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the stream says that the server is away */ } finally {
      busy = false;
      if (again) soon();
    }
  };
  const soon = () => { timer ??= setTimeout(look, Math.max(0, last + PAUSE - Date.now())); };

  const events = new EventSource("/control/events");
  events.addEventListener("open", () => say("live", "live"));
  events.addEventListener("error", () => say("off", events.readyState === EventSource.CLOSED ? "not live: load the page again" : "not live, tries again"));
  // Where the machine is busy, leads go first: the server says how many seconds this change had to wait.
  events.addEventListener("changed", (event) => {
    const waited = Number(event.data);
    if (waited) say("slow", `live, after ${waited} s: the machine is busy`); else say("live", "live");
    soon();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) soon(); });
  // Ages grow though nothing changes.
  setInterval(soon, 30000);
  // A choice takes effect at once; the button is for those who have no scripts.
  document.querySelectorAll("form.filters select").forEach((one) => one.addEventListener("change", () => one.form.requestSubmit()));
})();
