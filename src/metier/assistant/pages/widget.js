"use strict";

// One tag, nothing else: <script src="https://…/assistant/widget.js" data-login="/token" data-open defer></script>
//   data-login  an address of the site's own that answers {"token": "…"} for whoever is logged in there
//   data-open   open from the start
//   data-privacy  an address of the site's words about privacy
// Everything shown comes from the log of the conversation, entry by entry, so that a reload, another tab or a new server
// shows the same. What is typed goes to an outbox first and leaves it when the log has it.
(() => {
  const tag = document.currentScript;
  const base = new URL(".", tag.src);
  const KEPT = "metier-assistant:" + base.pathname;
  const POLL_MS = 3000, SLOW_MS = 400, AGAIN_MS = 2000;
  const CARD = /\b(?:\d[ -]?){13,19}\b/g;

  const STYLE = `
    :host { all: initial; --ink: #16202b; --soft: #57636f; --paper: #fff; --line: #76828e; --own: #0b5394; --on: #fff;
      --bot: #eef2f6; --bad: #a3140a; color-scheme: light; }
    @media (prefers-color-scheme: dark) { :host { --ink: #eef2f6; --soft: #b4c0cc; --paper: #16202b; --line: #8b97a3;
      --own: #9cc9f5; --on: #0d1620; --bot: #26323e; --bad: #ffb0a8; color-scheme: dark; } }
    * { box-sizing: border-box; font: 16px/1.45 system-ui, sans-serif; }
    button, textarea, a { color: inherit; }
    button { min-height: 44px; min-width: 44px; border: 1px solid var(--line); border-radius: 8px; background: var(--paper);
      padding: 6px 12px; cursor: pointer; }
    button:disabled { opacity: .65; cursor: default; }
    :focus-visible { outline: 3px solid var(--own); outline-offset: 2px; }
    .launch { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; border-radius: 28px; min-height: 56px;
      background: var(--own); color: var(--on); border: 0; padding: 0 20px; z-index: 2147483000; }
    .badge { margin-inline-start: 8px; padding: 0 8px; border-radius: 10px; background: var(--paper); color: var(--ink); }
    .panel { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; width: min(400px, calc(100vw - 16px));
      height: min(640px, calc(100vh - 32px)); display: flex; flex-direction: column; background: var(--paper);
      color: var(--ink); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; z-index: 2147483000; }
    @media (max-width: 480px) { .panel { inset: 0; width: 100vw; height: 100vh; height: 100dvh; border-radius: 0; } }
    .panel[hidden], .launch[hidden], .badge[hidden] { display: none; }
    header { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; padding: 8px 12px;
      border-block-end: 1px solid var(--line); }
    h2 { font-weight: 600; margin: 0; flex: 1; min-width: 8em; }
    .log { flex: 1; overflow-y: auto; padding: 12px; display: flex; flex-direction: column; gap: 8px; }
    .said { max-width: 88%; padding: 8px 12px; border-radius: 12px; background: var(--bot); overflow-wrap: anywhere;
      white-space: pre-wrap; align-self: flex-start; }
    .said.customer { background: var(--own); color: var(--on); align-self: flex-end; }
    .mine { align-self: flex-end; max-width: 100%; display: flex; flex-direction: column; }
    .said.confirm { border: 2px solid var(--own); }
    .who { font-size: 13px; color: var(--soft); }
    .said.customer .who { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    .from, .state, .note { font-size: 14px; color: var(--soft); }
    .state.bad { color: var(--bad); }
    .row { display: flex; flex-wrap: wrap; gap: 6px; }
    form { display: flex; gap: 8px; padding: 8px 12px; border-block-start: 1px solid var(--line); }
    textarea { flex: 1; min-width: 0; min-height: 44px; max-height: 120px; resize: none; padding: 9px; border-radius: 8px;
      border: 1px solid var(--line); background: var(--paper); color: var(--ink); }
    .note { padding: 0 12px 8px; }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    @media (prefers-reduced-motion: no-preference) { .panel { transition: opacity .12s; } }
    @media (forced-colors: active) { .said { border: 1px solid; } }`;

  const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return {}; } };
  const keep = (change) => {
    try { localStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...change })); } catch { /* a private window keeps nothing */ }
  };
  let memory = kept();  // where nothing can be kept, this page remembers
  const now = () => (memory = { ...memory, ...kept() });

  const make = (name, about = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(about)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value != null) made.setAttribute(key, value);
    }
    made.append(...inside);
    return made;
  };

  const host = make("metier-assistant");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();  // a sheet made by script needs no 'unsafe-inline' in the site's policy
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const badge = make("span", { class: "badge", hidden: true });
  const launch = make("button", { class: "launch", type: "button", "aria-expanded": "false", onclick: () => show(true) }, "Chat", badge);
  const title = make("h2", { id: "title" }, "Assistant");
  const person = make("button", { type: "button", onclick: () => say("I want to talk to a person") }, "A person");
  const close = make("button", { type: "button", "aria-label": "Close the chat", onclick: () => show(false) }, "✕");
  const log = make("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "Conversation", tabindex: "0" });
  const input = make("textarea", { id: "text", rows: "1", maxlength: "2000", placeholder: "Write a message", oninput: typed, onkeydown: keys });
  const form = make("form", { onsubmit: (event) => { event.preventDefault(); sent(); } },
    make("label", { class: "hidden", for: "text" }, "Your message"), input, make("button", { type: "submit" }, "Send"));
  const note = make("div", { class: "note row" });
  const panel = make("section", { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true,
    onkeydown: (event) => { if (event.key === "Escape") show(false); } },
    make("header", {}, title, person, close), log, form, note);
  root.append(launch, panel);

  let about = null, entries = [], working = false, listening = null, unread = 0, token = null;

  async function ask(path, how = {}) {
    const { secret } = now();
    const own = secret ? { "x-conversation-secret": secret, ...await login() } : {};
    const headers = { "content-type": "application/json", ...own, ...how.headers };
    const answer = await fetch(new URL(path, base), { ...how, headers, credentials: "omit", referrerPolicy: "no-referrer" });
    if (!answer.ok) {
      if (answer.status === 401) token = null;
      const said = await answer.json().catch(() => ({}));
      throw Object.assign(new Error(said.error || `The server said ${answer.status}.`), { status: answer.status });
    }
    return answer;
  }

  async function login() {
    if (!tag.dataset.login) return {};
    if (token === null) {
      const answer = await fetch(tag.dataset.login, { credentials: "same-origin" });
      token = answer.ok ? (await answer.json()).token || "" : "";
    }
    return token ? { authorization: `Bearer ${token}` } : {};
  }

  async function begun() {
    if (!now().secret) {
      const said = await (await ask("conversations", { method: "POST" })).json();
      keep({ secret: said.secret, name: said.conversation });
      memory = { ...memory, secret: said.secret, name: said.conversation };
    }
    return `conversations/${now().name}`;
  }

  async function catchUp() {
    if (!now().secret) return;
    const after = entries.length ? entries[entries.length - 1].seq + 1 : 0;
    const said = await (await ask(`conversations/${now().name}?after=${after}`)).json();
    came(said.entries);
  }

  function came(some) {
    const fresh = some.filter((one) => !entries.length || one.seq > entries[entries.length - 1].seq ||
      (one.seq === entries[entries.length - 1].seq && !entries.some((known) => known.seq === one.seq && known.text === one.text)));
    if (!fresh.length) return;
    entries.push(...fresh);
    const arrived = new Set(entries.filter((one) => one.from === "customer").map((one) => one.id));
    const outbox = (now().outbox || []).filter((one) => !arrived.has(one.id));
    memory.outbox = outbox;
    keep({ outbox });
    if (panel.hidden) unread += fresh.filter((one) => one.from !== "customer").length;
    draw();
  }

  async function send() {  // what waits, in order; each with its own id, so that twice is once
    if (working) return;
    working = true;
    draw();
    let again = true;
    try {
      for (let one; (one = (now().outbox || []).find((each) => !each.failed)); ) {
        try {
          const path = await begun();
          await ask(`${path}/messages`, { method: "POST", body: JSON.stringify({ id: one.id, text: one.text }) });
          await catchUp();
          drop(one.id);
        } catch (error) {
          if (error.status === 404 && again) {  // erased, or another's who was logged in here: it is a new one then
            again = false;
            const { outbox } = now();
            forgotten();
            outboxed(outbox);
            continue;
          }
          change(one.id, { failed: error.status ? error.message : "You seem to be offline." });
        }
      }
    } finally {
      working = false;
      draw();
      listen();
    }
  }

  const outboxed = (outbox) => { memory.outbox = outbox; keep({ outbox }); };
  const drop = (id) => outboxed((now().outbox || []).filter((one) => one.id !== id));
  const change = (id, how) => outboxed((now().outbox || []).map((one) => (one.id === id ? { ...one, ...how } : one)));

  function say(text) {
    outboxed([...(now().outbox || []), { id: crypto.randomUUID(), text, at: Date.now() }]);
    draw();
    send();
  }

  function sent() {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    keep({ draft: "" });
    say(text);
    input.focus();
  }

  function typed() {
    const masked = input.value.replace(CARD, (found) => (luhn(found) ? `•••• ${found.replace(/\D/g, "").slice(-4)}` : found));
    if (masked !== input.value) input.value = masked;  // a card's number never leaves the page
    keep({ draft: input.value });
  }

  function luhn(found) {
    const digits = [...found.replace(/\D/g, "")].reverse().map(Number);
    return digits.reduce((sum, digit, i) => sum + (i % 2 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit), 0) % 10 === 0;
  }

  function keys(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); sent(); }
  }

  async function listen() {  // a stream where it comes through, asking now and then where it does not
    if (listening || panel.hidden || !now().secret) return;
    const own = (listening = new AbortController());
    try {
      const after = entries.length ? entries[entries.length - 1].seq + 1 : 0;
      const answer = await ask(`conversations/${now().name}/events`, { signal: own.signal, headers: { "last-event-id": String(after) } });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "", piece; !(piece = await reader.read()).done; ) {
        rest += piece.value;
        const blocks = rest.split("\n\n");
        rest = blocks.pop();
        came(blocks.filter((block) => block.includes("data: ")).map((block) => JSON.parse(block.split("data: ")[1])));
      }
    } catch (error) {
      if (error.status === 404) forgotten();
    } finally {
      if (listening === own) listening = null;
    }
    if (!panel.hidden && !own.signal.aborted) setTimeout(() => { catchUp().catch(() => {}); listen(); }, POLL_MS);
  }

  function forgotten() {
    entries = [];
    memory = {};
    try { localStorage.removeItem(KEPT); } catch { /* nothing was kept */ }
    draw();
  }

  function draw() {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    const last = entries.findLastIndex((one) => one.from !== "customer" && (one.choices || []).length);
    const answered = entries.slice(last + 1).some((one) => one.from === "customer") || (now().outbox || []).length > 0;
    const shown = [greeting(), ...entries.map((one, i) => bubble(one, i === last && !answered)), ...(now().outbox || []).map(waiting)];
    log.replaceChildren(...shown.filter(Boolean));
    badge.textContent = unread ? `${unread} new` : "";
    badge.hidden = !unread;
    if (atEnd || working) log.scrollTop = log.scrollHeight;
  }

  function greeting() {
    if (!about) return null;
    const can = entries.length ? [] : about.can.slice(0, 5).map((what) =>
      make("button", { type: "button", onclick: () => say(what) }, what));
    return make("div", { class: "said" }, who("Assistant, a program"), about.greeting, ...(can.length ? [make("div", { class: "row" }, ...can)] : []));
  }

  function who(name) { return make("div", { class: "who" }, name); }

  function bubble(one, open) {
    if (one.from === "notice") return make("div", { class: "from", dir: "auto" }, one.text);
    const names = { customer: "You", assistant: "Assistant", person: one.name || "A person" };
    const confirm = /confirm$/.test(one.id || "") && one.from === "assistant";
    const made = make("div", { class: `said ${one.from}${confirm ? " confirm" : ""}`, dir: "auto" }, who(names[one.from]), one.text);
    if (one.source) made.append(make("div", { class: "from" }, `From: ${one.source}`));
    if ((one.choices || []).length) {
      made.append(make("div", { class: "row" }, ...one.choices.map((choice) =>
        make("button", { type: "button", disabled: !open, onclick: () => open && say(choice) }, choice))));
    }
    if (one.from === "assistant" && one.source) made.append(rating(one));
    return made;
  }

  function rating(one) {
    const rated = (now().rated || {})[one.seq];
    const give = (good) => async () => {
      memory.rated = { ...(now().rated || {}), [one.seq]: good };
      keep({ rated: memory.rated });
      draw();
      await ask(`conversations/${now().name}/ratings`, { method: "POST", body: JSON.stringify({ seq: one.seq, good }) }).catch(() => {});
    };
    if (rated !== undefined) return make("div", { class: "from" }, rated ? "Thank you." : "Thank you; a person will see that.");
    return make("div", { class: "row" },
      make("button", { type: "button", "aria-label": "This helped", onclick: give(true) }, "👍"),
      make("button", { type: "button", "aria-label": "This did not help", onclick: give(false) }, "👎"));
  }

  function waiting(one) {
    const made = make("div", { class: "said customer", dir: "auto" }, who("You"), one.text);
    const box = make("div", { class: "mine" }, made);
    if (one.failed) {
      box.append(make("div", { class: "row state bad" }, `Not sent. ${one.failed} `,
        make("button", { type: "button", onclick: () => { change(one.id, { failed: undefined }); send(); } }, "Try again"),
        make("button", { type: "button", onclick: () => { drop(one.id); draw(); } }, "Leave it")));
    } else if (Date.now() - one.at > SLOW_MS) {
      box.append(make("div", { class: "state" }, "Sending …"));
    } else setTimeout(draw, SLOW_MS + 50);
    return box;
  }

  function foot() {
    const lines = () => entries.map((one) => `${one.from}: ${one.text}`).join("\n");
    note.replaceChildren(
      make("button", { type: "button", onclick: () => saved(lines()) }, "Download"),
      make("button", { type: "button", onclick: gone }, "Delete"),
      ...(tag.dataset.privacy ? [make("a", { href: tag.dataset.privacy, target: "_blank", rel: "noopener" }, "Privacy")] : []));
  }

  function saved(text) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    make("a", { href: url, download: "conversation.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), AGAIN_MS);
  }

  async function gone(event) {
    const button = event.currentTarget;
    if (button.textContent === "Delete") { button.textContent = "Delete for good?"; return; }
    button.textContent = "Delete";
    if (now().secret) await ask(`conversations/${now().name}`, { method: "DELETE" }).catch(() => {});
    forgotten();
  }

  async function show(open) {
    panel.hidden = !open;
    launch.hidden = open;
    launch.setAttribute("aria-expanded", String(open));
    keep({ open });
    if (!open) {
      if (listening) listening.abort();
      listening = null;
      launch.focus();
      return;
    }
    unread = 0;
    draw();
    log.scrollTop = log.scrollHeight;
    input.focus();
    await send();
  }

  async function start() {
    document.body.append(host);
    foot();
    const before = now();
    input.value = before.draft || "";
    for (let tries = 0; about === null; tries++) {
      try {
        about = await (await ask("about")).json();
        title.textContent = about.name;
      } catch { await new Promise((done) => setTimeout(done, AGAIN_MS * Math.min(tries + 1, 10))); }
    }
    await catchUp().catch((error) => { if (error.status === 404) forgotten(); });
    draw();
    if (before.open || "open" in tag.dataset) await show(true);
  }

  addEventListener("storage", (event) => { if (event.key === KEPT && !panel.hidden) catchUp().catch(() => {}); });
  addEventListener("online", () => {
    outboxed((now().outbox || []).map((one) => ({ ...one, failed: undefined })));
    send();
  });
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
