"use strict";
(() => {
  const header = document.querySelector("header");
  const live = document.getElementById("live");
  const filter = document.getElementById("filter");
  const filterState = document.getElementById("filter-state");
  const shown = document.getElementById("shown");
  const AGAIN = 2000;

  let version = header.dataset.version;
  let now = { there: Number(header.dataset.now), here: performance.now() };
  let loading = false;
  let again = false;
  const waiting = [];

  const run = (id) => id.slice(0, id.lastIndexOf("-"));
  const number = (id) => Number(id.slice(id.lastIndexOf("-") + 1));

  // The rows of each list, by their keys.
  const lists = new Map();
  function index() {
    lists.clear();
    for (const element of document.querySelectorAll("[data-list]")) {
      const rows = new Map();
      for (const row of element.querySelectorAll("[data-key]")) rows.set(row.dataset.key, row);
      lists.set(element.dataset.list, { element, rows });
    }
  }

  // The server has escaped what others say in it.
  function fragment(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  function setPart(name, html) {
    const part = document.querySelector(`[data-part="${name}"]`);
    // What did not change is not read aloud again.
    if (part && part.innerHTML !== html) part.innerHTML = html;
  }

  function setRows(name, { gone, put }) {
    const { element, rows } = lists.get(name);
    for (const key of gone) {
      rows.get(key)?.remove();
      rows.delete(key);
    }
    for (const { key, html, before } of put) {
      const row = fragment(html).firstElementChild;
      const old = rows.get(key);
      const next = rows.get(before);
      if (old) old.replaceWith(row);
      else if (next) next.before(row);
      else (element.tBodies ? element.tBodies[element.tBodies.length - 1] : element).append(row);
      rows.set(key, row);
    }
  }

  function apply(patch) {
    for (const [name, html] of Object.entries(patch.parts)) setPart(name, html);
    for (const [name, rows] of Object.entries(patch.lists)) setRows(name, rows);
    version = patch.to;
    changed();
  }

  function changed() {
    const word = document.querySelector(".status")?.lastChild.textContent.trim();
    document.title = `${word}: ${header.dataset.name}`;
    header.dataset.version = version;
    sift();
    tick();
  }

  // Takes over what a page that was loaded anew shows.
  function adopt(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const { version: id, now: there } = fresh.querySelector("header").dataset;
    if (run(id) !== run(version)) return location.reload();
    now = { there: Number(there), here: performance.now() };
    for (const part of fresh.querySelectorAll("[data-part]")) setPart(part.dataset.part, part.innerHTML);
    for (const list of fresh.querySelectorAll("[data-list]")) {
      const { element } = lists.get(list.dataset.list);
      // A caption is a part, and was set as one.
      const kept = [...element.children].filter((child) => child.matches("caption, thead"));
      const rows = [...list.children].filter((child) => !child.matches("caption, thead"));
      element.replaceChildren(...kept, ...rows);
    }
    index();
    version = id;
    changed();
  }

  // A list that changes as a whole all the time is not loaded all the time.
  async function load() {
    again = true;
    if (loading) return;
    loading = true;
    again = false;
    try {
      const response = await fetch("/", { cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      adopt(await response.text());
    } catch {
      again = true;
    }
    waiting.splice(0).forEach(take);
    setTimeout(() => {
      loading = false;
      if (again) load();
      else waiting.splice(0).forEach(take);
    }, AGAIN);
  }

  function take(patch) {
    if (run(patch.to) === run(version) && number(patch.to) <= number(version)) return;
    if (patch.from === version) apply(patch);
    else if (loading) waiting.push(patch);
    else load();
  }

  function say(text, is) {
    live.textContent = text;
    document.body.dataset.live = is;
  }

  function connect() {
    const source = new EventSource(`/events?since=${version}`);
    source.onopen = () => say("Live: what changes is shown at once", "yes");
    source.onerror = () => {
      say(`Not live: what is shown is of ${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC; trying again`, "no");
      // A browser tries again by itself, except where it was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
    };
    source.addEventListener("stale", load);
    source.addEventListener("patch", (event) => take(JSON.parse(event.data)));
  }

  function sift() {
    const text = filter.value.trim().toLowerCase();
    const state = filterState.value;
    const { rows } = lists.get("candidates");
    let left = 0;
    for (const row of rows.values()) {
      const fits = (!state || row.dataset.state === state)
        && (!text || row.textContent.toLowerCase().includes(text));
      if (row.hidden === fits) row.hidden = !fits;
      if (fits) left += 1;
    }
    shown.textContent = text || state ? `${left} of ${rows.size} shown` : "";
  }

  function tick() {
    for (const age of document.querySelectorAll("[data-since]")) {
      const since = now.there + performance.now() - now.here - Number(age.dataset.since);
      age.textContent = ` (for ${lasting(Math.max(0, Math.floor(since / 1000)))})`;
    }
  }

  function lasting(seconds) {
    const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    if (d > 0) return `${d} d ${h} h`;
    if (h > 0) return `${h} h ${m} min`;
    if (m > 0) return `${m} min ${seconds % 60} s`;
    return `${seconds} s`;
  }

  let soon;
  const sieve = () => {
    clearTimeout(soon);
    soon = setTimeout(sift, 100);
  };
  filter.addEventListener("input", sieve);
  filterState.addEventListener("change", sift);
  document.querySelector(".filter").hidden = false;
  index();
  changed();
  setInterval(tick, 1000);
  connect();
})();
