// The desk: who waits on the left, one conversation in the middle, what may be said and done on the right.
import { ask, empty, facts, make, opened, percent, tell, when } from "../console/draw.js";

const main = document.querySelector("#main");
const queue = document.querySelector("#queue");
const switches = document.querySelector("#switches > div");
const search = document.querySelector("#search");
const POLL_MS = 2000, LATE_MIN = 5;
let found = null, drawn = "", listed = "";

const open = () => decodeURIComponent(location.hash.slice(1));
const at = (path = "") => `/v1/desk/conversations/${encodeURIComponent(open())}${path}`;
const minutes = (since) => Math.max(0, Math.floor((Date.now() - new Date(since)) / 60000));
const waited = (since) => (minutes(since) < 60 ? `${minutes(since)} min` : when(since));
const spoken = (told) => Object.entries(told).map(([name, value]) => `${name}: ${value?.name ?? value}`).join(", ");
const standings = { waiting: "waits", taken: "with", closed: "came while the desk was closed", "call back": "is to be called back", "": "" };

async function act(path, body = {}, said = "") {
  try {
    await ask(path, body);
    if (said) tell(said);
    await look();
    return true;
  } catch (error) { tell(error.message); return false; }
}

async function look() {
  try {
    const { who, queue: waiting, jobs, off } = await ask("/v1/desk");
    list(who, found ?? waiting, found !== null);
    turned(jobs, off);
    document.title = `${waiting.filter((one) => one.standing === "waiting").length} waiting – Métier desk`;
    if (open()) show(who, await ask(at()));
    else show(who, null);
  } catch (error) { main.replaceChildren(make("p", { class: "bad", role: "alert" }, error.message)); drawn = ""; }
}

function list(who, some, isFound) {
  const now = JSON.stringify([some, open(), isFound, some.map((one) => minutes(one.since))]);
  if (now === listed) return;
  listed = now;
  const line = (one) => make("li", { class: one.standing === "waiting" && minutes(one.since) >= LATE_MIN ? "late" : null },
    make("button", { "data-id": one.conversation, "aria-current": one.conversation === open() ? "true" : null, onclick: () => (location.hash = encodeURIComponent(one.conversation)) },
      make("span", {}, one.last || "(nothing was said)"), make("br"),
      make("small", {}, [one.standing === "taken" ? `with ${one.who}` : standings[one.standing], one.why, one.standing ? waited(one.since) : when(one.since)].filter(Boolean).join(" · "))));
  const focused = document.activeElement?.dataset?.id;
  queue.replaceChildren(some.length ? make("ul", { class: "queue" }, some.map(line))
    : empty(isFound ? "No conversation holds that. Texts are kept redacted: look for other words." : "Nobody waits. A conversation comes here when the assistant hands it over; find any other above."));
  if (focused) queue.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function turned(jobs, off) {
  const by = Object.fromEntries(off.map((one) => [one.name, one]));
  if (switches.dataset.now === JSON.stringify([jobs, off])) return;
  switches.dataset.now = JSON.stringify([jobs, off]);
  const one = (name, title) => make("p", {}, make("button", { "aria-pressed": String(name in by), onclick: () => act("/v1/desk/switches", { name, on: name in by }, name in by ? `${title} is on again.` : `${title} is off; people do it now.`) },
    name in by ? `Turn on: ${title}` : `Turn off: ${title}`), name in by ? make("small", { class: "warn" }, ` off since ${when(by[name].at)}, by ${by[name].who}`) : null);
  switches.replaceChildren(one("*", "the whole assistant"), ...Object.entries(jobs).map(([name, title]) => one(name, title || name)));
}

function show(who, seen) {
  const now = JSON.stringify(seen);
  if (now === drawn) return;
  const same = seen && main.dataset.of === seen.conversation;
  drawn = now;
  main.dataset.of = seen?.conversation ?? "";
  if (!seen) { main.replaceChildren(empty("Choose a conversation. ", make("kbd", {}, "j"), " and ", make("kbd", {}, "k"), " go through the queue, ", make("kbd", {}, "t"), " takes over, ", make("kbd", {}, "r"), " writes a reply.")); return; }
  const mine = seen.who === who;
  const kept = same ? main.querySelector("#reply")?.value ?? "" : "";
  const noted = same ? main.querySelector("#note")?.value ?? "" : "";
  const focused = document.activeElement?.id;
  main.replaceChildren(make("h1", {}, seen.customer ? `Customer ${seen.customer}` : "A customer who is not logged in"),
    make("div", { class: "talk" },
      make("section", { "aria-label": "Conversation" }, make("ol", { class: "entries" }, seen.entries.map(entry)), answer(seen, mine, kept)),
      make("section", { "aria-label": "What may help", tabindex: "0" }, standing(seen, mine), suggestions(seen, mine), note(noted))));
  if (focused && main.querySelector(`#${CSS.escape(focused)}`)) main.querySelector(`#${CSS.escape(focused)}`).focus();
  if (!same) main.querySelector(".entries").lastElementChild?.scrollIntoView({ block: "nearest" });
}

function entry(one) {
  const line = (kind, name, ...inside) => make("li", { class: `entry ${kind}` }, make("small", {}, [name, one.at ? when(one.at) : ""].filter(Boolean).join(" · ")), make("br"), inside);
  const quiet = (text) => make("li", { class: "entry quiet" }, `${text}${one.at ? ` · ${when(one.at)}` : ""}`);
  if (one.kind === "received") return line("customer", "Customer", one.text);
  if (one.kind === "person") return line("person", one.who, one.text);
  if (one.kind === "noted") return line("noted", `Note by ${one.who}`, one.text);
  if (one.kind === "taken") return quiet(`${one.who} took over`);
  if (one.kind === "returned") return quiet(`${one.who} gave it back to the assistant`);
  if (one.kind === "viewed") return quiet(`${one.who} looked`);
  if (one.kind === "rated") return quiet(`The customer found it ${one.good ? "helpful" : "of no help"}`);
  if (one.kind === "calling") return quiet(`Asks for ${one.action}`);
  if (one.kind === "called") return quiet(`${one.action}: ${one.outcome}`);
  if (one.kind !== "ended") return quiet(one.kind);
  const did = one.events.map((event) => [event.verb, event.name].filter(Boolean).join(" ")).join(", ");
  if (!one.replies.length) return quiet(`The assistant: ${did || "nothing"}`);
  const said = one.replies.map((reply) => make("p", {}, reply.text, " ", make("small", {}, reply.id)));
  return line("assistant", "Assistant", ...said, make("details", {}, make("summary", {}, did || "Trace"), trace(one)));
}

function trace(one) {
  return facts(one.trace.map((thought) => [thought.step, [thought.said, thought.score === undefined ? "" : percent(thought.score), (thought.candidates ?? []).map(([name, chance]) => `${name} ${percent(chance, 0)}`).join(", "), `${Math.round(thought.ms * 1000)} µs`].filter(Boolean).join(" · ")]));
}

function answer(seen, mine, kept) {
  if (!mine) return make("p", { class: "row" }, seen.who ? `${seen.who} has this conversation.` : null,
    seen.who ? null : make("button", { id: "take", onclick: () => act(at("/take"), {}, "It is yours. The assistant is silent now.").then(() => main.querySelector("#reply")?.focus()) }, "Take over"),
    seen.who || seen.owner === "assistant" ? null : make("button", { onclick: back }, "Give it to the assistant"));
  const reply = make("textarea", { id: "reply", maxlength: "4000" });
  reply.value = kept;
  const send = async (event) => {
    event.preventDefault();
    const text = reply.value.trim();
    if (text && (await act(at("/say"), { text }))) { main.querySelector("#reply").value = ""; main.querySelector("#reply").focus(); }
  };
  return make("form", { onsubmit: send }, make("label", { for: "reply" }, "Your reply"), reply,
    make("p", { class: "row" }, make("button", {}, "Send"), make("button", { type: "button", onclick: back }, "Give back to the assistant")));
}

const back = () => act(at("/back"), {}, "The assistant answers again.");

function standing(seen) {
  return make("div", { class: "card" }, make("h2", {}, "Where it stands"), facts([
    ["Answered by", seen.who || (seen.owner === "person" ? "nobody yet" : "the assistant")], ["Job", seen.job || "none"], ["Already told", spoken(seen.slots) || "nothing"]]));
}

function suggestions(seen, mine) {
  if (!seen.suggested.length) return null;
  const use = (one) => { const reply = main.querySelector("#reply"); reply.value = [reply.value, one.text].filter(Boolean).join("\n"); reply.focus(); };
  return make("div", { class: "card" }, make("h2", {}, "May answer it"), seen.suggested.map((one) => make("div", {},
    make("p", {}, make("strong", {}, one.title), " ", make("small", { class: "soft" }, `${one.id}, ${percent(one.probability, 0)}`)), make("p", {}, one.text),
    mine ? make("p", {}, make("button", { type: "button", onclick: () => use(one) }, `Use “${one.title}”`)) : null)));
}

function note(kept) {
  const text = make("textarea", { id: "note", maxlength: "4000" });
  text.value = kept;
  return make("form", { class: "card", onsubmit: async (event) => {
    event.preventDefault();
    if (text.value.trim() && (await act(at("/note"), { text: text.value.trim() }, "Noted."))) main.querySelector("#note").value = "";
  } }, make("h2", {}, "Note"), make("label", { for: "note" }, "For your colleagues; the customer never sees it"), text, make("p", {}, make("button", {}, "Keep")));
}

search.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = search.querySelector("input").value.trim();
  try { found = text ? (await ask(`/v1/desk/found?text=${encodeURIComponent(text)}`)).found : null; } catch (error) { tell(error.message); }
  listed = "";
  look();
});
addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const lines = [...queue.querySelectorAll("button")];
  const here = lines.findIndex((one) => one.dataset.id === open());
  if (event.key === "j") lines[Math.min(here + 1, lines.length - 1)]?.click();
  else if (event.key === "k") lines[Math.max(here - 1, 0)]?.click();
  else if (event.key === "t") main.querySelector("#take")?.click();
  else if (event.key === "r") main.querySelector("#reply")?.focus();
  else return;
  event.preventDefault();
});
addEventListener("hashchange", async () => { await look(); main.focus(); });
opened(() => look());
setInterval(() => { if (!document.hidden && !document.querySelector("#door:not([hidden])")) look(); }, POLL_MS);
look();
