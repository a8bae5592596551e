// Keeps an open page fresh: on every event it fetches the page again and swaps what is marked data-live.
// Without it the page reloads itself; everything is rendered by the server either way.
"use strict";
(() => {
  const link = document.getElementById("link");
  let busy = false;
  let again = false;

  const say = (state, text) => {
    link.className = "link " + state;
    if (link.textContent !== text) link.textContent = text;
  };

  const swap = (fresh) => {
    // Whoever reads with the keyboard must not lose the place.
    const focused = document.activeElement;
    const href = focused && focused.getAttribute("href");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.outerHTML === part.outerHTML) continue;
      const held = part.contains(focused);
      part.replaceWith(next);
      if (held && href) next.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
    }
    // A region that is read aloud has to stay, and is read when its text changes.
    for (const part of document.querySelectorAll("[data-say]")) {
      const next = fresh.getElementById(part.id);
      if (next && next.textContent !== part.textContent) part.textContent = next.textContent;
    }
    document.title = fresh.title;
  };

  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-cache" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      say("down", "Connection lost, retrying");
    } finally {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  };

  let events = null;
  const listen = () => {
    events = new EventSource("/events");
    events.onopen = () => {
      say("up", "Live");
      refresh();
    };
    events.onerror = () => {
      say("down", "Connection lost, retrying");
      // After an answer that is no stream (too many readers) the browser gives up; we do not.
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, 15000);
    };
    events.addEventListener("change", () => {
      if (!document.hidden) refresh();
    });
  };
  listen();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
})();
