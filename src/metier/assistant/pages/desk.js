// The desk: who waits on the left, one conversation in the middle, what may be said and done on the right.
import { ask, empty, facts, make, opened, percent, put, table, tell, when } from "../console/draw.js";

const main = document.querySelector("#main");
const queue = document.querySelector("#queue");
const switches = document.querySelector("#switches > div");
const search = document.querySelector("#search");
const POLL_MS = 2000, LATE_MIN = 5, FIGURES = "~figures", REPLAY = "~replay", PROMISES = "~promises", COMPARED = ["resolved", "handed off", "turns declined"];
const teaching = document.querySelector("#teaching > div");
let found = null, drawn = "", listed = "", meanings = {}, busy = false;

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
    if (teaching.parentElement.open) taught(who, await ask("/v1/desk/teaching"));
    if (open() === FIGURES) return await figured();
    if (open() === REPLAY) return await replayed();
    if (open() === PROMISES) return await promised();
    document.title = `${waiting.filter((one) => one.standing === "waiting").length} waiting – Métier desk`;
    if (open()) show(who, await ask(at()));
    else show(who, null);
  } catch (error) { put(main, make("p", { class: "bad", role: "alert" }, error.message)); drawn = main.dataset.of = ""; }
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
  put(queue, some.length ? make("ul", { class: "queue" }, some.map(line))
    : empty(isFound ? "No conversation holds that. Texts are kept redacted: look for other words." : "Nobody waits. A conversation comes here when the assistant hands it over; find any other above."));
  if (focused) queue.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function turned(jobs, off) {
  const by = Object.fromEntries(off.map((one) => [one.name, one]));
  if (switches.dataset.now === JSON.stringify([jobs, off])) return;
  switches.dataset.now = JSON.stringify([jobs, off]);
  const one = (name, title) => make("p", {}, make("button", { "aria-pressed": String(name in by), onclick: () => act("/v1/desk/switches", { name, on: name in by }, name in by ? `${title} is on again.` : `${title} is off; people do it now.`) },
    name in by ? `Turn on: ${title}` : `Turn off: ${title}`), name in by ? make("small", { class: "warn" }, ` off since ${when(by[name].at)}, by ${by[name].who}`) : null);
  put(switches, one("*", "the whole assistant"), ...Object.entries(jobs).map(([name, title]) => one(name, title || name)));
}

async function learned() {  // what a message can mean is asked for once
  if (!Object.keys(meanings).length) ({ meanings } = await ask("/v1/desk/teaching"));
  return meanings;
}

// Whether a message is the assistant's business at all; three buttons, each with its key.
const VERDICTS = [["ours", "Ours", "o"], ["outside", "Not ours", "n"], ["neither", "Talk, or cannot tell", "t"]];
const verdicts = (say) => make("p", { class: "row verdicts" }, VERDICTS.map(([verdict, title, key]) => make("button", { type: "button", "data-key": key, onclick: () => say(verdict) }, title)));

// One message: what it means, which a second person agrees to before it is learnt; and whether it is the assistant's.
function meaning(text, seq) {
  const picked = make("select", { "aria-label": "What it means" });
  const box = make("details", { class: "teach", ontoggle: async () => {
    if (!box.open || picked.options.length) return;
    picked.append(...Object.entries(await learned()).map(([name, title]) => make("option", { value: name }, title)));
  } }, make("summary", {}, "Teach or judge"), make("div", { class: "row" }, picked, make("button", { type: "button", onclick: async () => {
    if (await act("/v1/desk/teaching/messages", { text, means: picked.value }, "Proposed. Somebody else has to agree, under Teach.")) box.open = false;
  } }, "Propose")), verdicts(async (verdict) => {
    if (await act("/v1/desk/judgements", { conversation: open(), seq, verdict }, "Judged. Promises shows what is found so.")) box.open = false;
  }));
  return box;
}

function taught(who, { proposals, candidate, tried, before }) {
  const now = JSON.stringify([proposals, candidate, tried, before, busy, open()]);
  if (teaching.dataset.now === now || teaching.contains(document.activeElement) && /INPUT|TEXTAREA/.test(document.activeElement.tagName)) return;
  teaching.dataset.now = now;
  const decide = (one, approved) => () => act(`/v1/desk/teaching/proposals/${one.id}`, { approved }, approved ? "Added. It is learnt with the next candidate." : "Refused.");
  const waiting = proposals.filter((one) => one.standing === "open");
  const line = (one) => make("li", { class: "card" }, make("p", {}, one.line), make("small", {}, `by ${one.who}, ${when(one.at)}`),
    make("p", { class: "row" }, one.who === who ? make("small", {}, "Somebody else has to agree.") : make("button", { onclick: decide(one, true) }, "Agree"), make("button", { onclick: decide(one, false) }, one.who === who ? "Take back" : "Refuse")));
  put(teaching,
    waiting.length ? make("ul", { class: "cards", role: "list" }, waiting.map(line)) : make("p", { class: "hint" }, "Nothing waits for a second person. Under each message of a customer stands Teach or judge."),
    open() ? make("p", {}, make("button", { onclick: () => act("/v1/desk/teaching/tests", { conversation: open() }, "Proposed as a test.") }, "Make this conversation a test")) : null,
    section(), versions(candidate, tried, before));
}

function section() {
  const field = (id, title, more = {}) => [make("label", { for: id }, title), make(more.long ? "textarea" : "input", { id, required: !more.free, placeholder: more.like ?? null })];
  const send = async (event) => {
    event.preventDefault();
    const [file, title, text, asked_as] = ["file", "title", "answer", "asked"].map((id) => event.target.querySelector(`#${id}`).value);
    if (await act("/v1/desk/teaching/sections", { file, title, text, asked_as }, "Proposed.")) event.target.reset();
  };
  return make("details", {}, make("summary", {}, "A new answer"), make("form", { onsubmit: send }, field("file", "File", { like: "cards.md" }), field("title", "Heading"),
    field("answer", "Answer", { long: true }), field("asked", "Asked as", { free: true }), make("p", {}, make("button", {}, "Propose"))));
}

function versions(candidate, tried, before) {
  const go = (path, said, asked = {}) => async () => { busy = true; tell("Working. Nobody who is being answered waits for it."); await act(path, asked, said); busy = false; meanings = {}; look(); };
  const cells = (one) => [`${one.passed} of ${one.transcripts}`, `${one.taught_right} of ${one.taught}`, ...Object.keys(candidate.after.accuracy).map((name) => percent(one.accuracy[name]))];
  const names = candidate ? ["Transcripts passed", "Taught messages known", ...Object.keys(candidate.after.accuracy).map((name) => `${name}, held out`)] : [];
  const [was, is] = candidate ? [cells(candidate.before), cells(candidate.after)] : [[], []];
  return make("div", {}, make("h2", {}, "The next version"),
    candidate ? table(["", "#Served", "#Candidate"], names.map((name, i) => [name, was[i], is[i]]), "The candidate beside what is served") : null,
    candidate?.after.failed.length ? make("p", { class: "bad" }, `Goes another way: ${candidate.after.failed.join(", ")}`) : null,
    tried ? make("p", {}, `The candidate answers ${percent(tried, 0)} of the conversations that begin. What came of them stands under Figures.`) : null,
    make("p", { class: "row" }, make("button", { disabled: busy, onclick: go("/v1/desk/teaching/retrain", "The candidate is learnt. Compare it before you serve it.") }, "Learn a candidate"),
      candidate ? make("button", { onclick: () => (location.hash = REPLAY) }, "Replay conversations") : null,
      candidate && !tried ? make("button", { disabled: busy, onclick: go("/v1/desk/teaching/promote", "The candidate answers 5 % of the conversations that begin.", { share: 0.05 }) }, "Try it on 5 %") : null,
      candidate ? make("button", { disabled: busy, onclick: go("/v1/desk/teaching/promote", "The candidate is served.") }, "Serve the candidate") : null,
      tried ? make("button", { disabled: busy, onclick: go("/v1/desk/teaching/rollback", "The candidate is tried no more.") }, "Try it no more") : null,
      before && !tried ? make("button", { disabled: busy, onclick: go("/v1/desk/teaching/rollback", "What was served before is served again.") }, "Back to what was before") : null));
}

function show(who, seen) {
  const now = JSON.stringify(seen);
  if (now === drawn) return;
  const same = seen && main.dataset.of === seen.conversation;
  drawn = now;
  main.dataset.of = seen?.conversation ?? "";
  if (!seen) { put(main, empty("Choose a conversation. ", make("kbd", {}, "j"), " and ", make("kbd", {}, "k"), " go through the queue, ", make("kbd", {}, "t"), " takes over, ", make("kbd", {}, "r"), " writes a reply.")); return; }
  const mine = seen.who === who;
  const kept = same ? main.querySelector("#reply")?.value ?? "" : "";
  const noted = same ? main.querySelector("#note")?.value ?? "" : "";
  const focused = document.activeElement?.id;
  put(main, make("h1", {}, seen.customer ? `Customer ${seen.customer}` : "A customer who is not logged in"),
    make("div", { class: "talk" },
      make("section", { "aria-label": "Conversation" }, make("ol", { class: "entries" }, seen.entries.map(entry)), answer(seen, mine, kept)),
      make("section", { "aria-label": "What may help", tabindex: "0" }, standing(seen, mine), suggestions(seen, mine), note(noted))));
  if (focused && main.querySelector(`#${CSS.escape(focused)}`)) main.querySelector(`#${CSS.escape(focused)}`).focus();
  if (!same) main.querySelector(".entries").lastElementChild?.scrollIntoView({ block: "nearest" });
}

function entry(one, _, all) {
  const line = (kind, name, ...inside) => make("li", { class: `entry ${kind}` }, make("small", {}, [name, one.at ? when(one.at) : ""].filter(Boolean).join(" · ")), make("br"), inside);
  const quiet = (text) => make("li", { class: "entry quiet" }, `${text}${one.at ? ` · ${when(one.at)}` : ""}`);
  if (one.kind === "received") return line("customer", "Customer", one.text, one.text ? meaning(one.text, one.seq) : null);
  if (one.kind === "person") return line("person", one.who, one.text);
  if (one.kind === "noted") return line("noted", `Note by ${one.who}`, one.text);
  if (one.kind === "taken") return quiet(`${one.who} took over`);
  if (one.kind === "returned") return quiet(`${one.who} gave it back to the assistant`);
  if (one.kind === "viewed") return quiet(`${one.who} looked`);
  if (one.kind === "rated") return quiet(`The customer found it ${one.good ? "helpful" : "of no help"}`);
  if (one.kind === "judged") return quiet(`${one.who} judged “${all.find((each) => each.seq === one.of)?.text}”: ${VERDICTS.find(([verdict]) => verdict === one.verdict)[1].toLowerCase()}`);
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

// A page that costs the server some work: worked out when it is opened, and again when somebody says so.
async function worked(page, title, path) {
  if (main.dataset.of === page) return null;
  main.dataset.of = drawn = page;
  document.title = `${title} – Métier desk`;
  put(main, make("h1", {}, title), make("p", {}, "Working. Nobody who is being answered waits for it."));
  const found = await ask(path);
  return open() === page ? found : null;
}

function again() {
  return make("p", { class: "row" }, make("small", { class: "soft" }, `As of ${when(Date.now() / 1000)}.`), make("button", { id: "again", onclick: () => { main.dataset.of = ""; put(main, make("p", {}, "Working.")); main.focus(); look(); } }, "Count again"));
}

// What became of all conversations: shares with their intervals, and the days they began on.
async function figured() {
  const said = await worked(FIGURES, "What became of conversations", "/v1/desk/figures");
  if (!said) return;
  const { figures, versions: called } = said;
  const reasons = Object.entries(figures.reasons).sort((a, b) => b[1] - a[1]);
  const lines = figures.shares.map((one) => [one.name, one.of ? percent(one.count / one.of) : "–", one.of ? `${percent(one.low)} to ${percent(one.high)}` : "", one.of.toLocaleString()]);
  put(main, make("h1", {}, "What became of conversations"), again(),
    figures.conversations ? days(figures.days) : empty("Nobody has written yet. Figures come with the first conversation."),
    table(["", "#Share", "#95 % interval", "#Of"], lines, "Shares of conversations and turns"),
    Object.keys(figures.versions).length ? table(["Version", "#Conversations", ...COMPARED.map((name) => `#${name}`)], Object.entries(figures.versions).map((one) => byVersion(one, called)), "By the version that answered, with 95 % intervals") : null,
    reasons.length ? table(["Handed off because", "#Times"], reasons.map(([why, count]) => [why, count.toLocaleString()]), "Reasons for hand-overs") : null,
    make("p", { class: "soft" }, `A turn's specialists took ${figures.p50_ms} ms at the median and ${figures.p95_ms} ms at the 95th percentile, of ${figures.turns.toLocaleString()} turns. Resolved: something was done or answered, no person took part, and the customer did not come back with the same within 7 days.`));
}

// Where intervals of two versions lie apart, they differ; where they overlap, nobody knows yet.
function byVersion([version, shares], called) {
  const cell = (one) => one.of ? `${percent(one.low, 0)} to ${percent(one.high, 0)}` : "–";
  return [[called[version], version || "unnamed"].filter(Boolean).join(" "), shares[0].of.toLocaleString(), ...COMPARED.map((name) => cell(shares.find((one) => one.name === name)))];
}

function days(counted) {
  const some = Object.entries(counted).slice(-60), wide = 720, high = 140, step = wide / Math.max(some.length, 10);
  const most = Math.max(...some.map(([, of]) => Object.values(of).reduce((sum, n) => sum + n, 0)));
  const kinds = [...new Set(some.flatMap(([, of]) => Object.keys(of)))].sort();
  const stack = ([day, of], i) => {
    let top = high;
    return kinds.filter((kind) => of[kind]).map((kind) => make("rect", { class: kind.replace(" ", "-"), x: i * step + 1, y: (top -= (of[kind] / most) * high), width: Math.max(step - 2, 1), height: (of[kind] / most) * high }, make("title", {}, `${day}: ${of[kind]} ${kind}`)));
  };
  return make("figure", { class: "days" }, make("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Conversations by day, ${some[0][0]} to ${some.at(-1)[0]}, at most ${most} a day` }, some.map(stack)),
    make("figcaption", {}, `${some[0][0]} to ${some.at(-1)[0]}, at most ${most} a day: `, kinds.map((kind) => [make("span", { class: `key ${kind.replace(" ", "-")}`, "aria-hidden": "true" }), ` ${kind} `])));
}

// What is promised, on real conversations: alarms first, each with the messages behind it.
async function promised() {
  const found = await worked(PROMISES, "Promises on real conversations", "/v1/desk/promises");
  if (!found) return;
  const broken = found.promises.filter((one) => one.verdict === "broken"), moved = found.drifts.filter((one) => one.verdict === "moved");
  const alarms = [...broken.map((one) => [one.name, one]), ...moved.map((one) => [`${one.name}, against ${one.against}`, one])];
  put(main, make("h1", {}, "Promises on real conversations"), again(),
    make("p", {}, `${found.turns.toLocaleString()} messages in ${found.conversations.toLocaleString()} conversations since ${when(found.since)}. Of the ${found.begun.toLocaleString()} that began something people judged ${found.drawn.toLocaleString()}.`),
    alarms.length ? make("section", { class: "alarms", "aria-label": "Alarms" }, alarms.map(([title, one]) => behind(one, make("strong", { class: "bad" }, `Alarm: ${title}`), `. ${one.about}`))) : make("p", { class: "good" }, "No alarm: no range of what was found leaves out its promise, and nothing has moved by more than the margin."),
    judging(),
    make("h2", {}, "What is promised"),
    table(["Promise", "#Promised", "#Found", "#95 % range", "#Of", "Verdict"], found.promises.map((one) => [one.name, one.promised || "–", figure(one, one.found), one.found === null ? "" : `${figure(one, one.low)} to ${figure(one, one.high)}`, one.of.toLocaleString(), one.verdict]), "Promises and what was found"),
    found.promises.filter((one) => one.cases.length && one.verdict !== "broken").map((one) => behind(one, one.name, `. ${one.about}`)),
    make("h2", {}, `Since ${when(found.recent)}: what has moved`),
    table(["", "Against", "#Then", "#Now", "#99 % range of the difference", "#Of", "Verdict"], found.drifts.map((one) => [one.name, one.against, percent(one.then), percent(one.now), one.low === null ? "" : `${signed(one.low)} to ${signed(one.high)}`, `${one.then_of.toLocaleString()}, ${one.now_of.toLocaleString()}`, one.verdict]), "What has moved"),
    make("p", { class: "soft" }, `Ranges of shares come from a fair sample: messages in an order that nobody chose, a third of them declined, a third barely taken for the assistant’s, weighed by how many there are of each. Judgements nobody asked for show what was found, and move no share. Moved: the whole range of the difference lies beyond ${percent(found.margin, 0)}; conversations are counted, not messages.`));
}

const figure = (one, value) => (value === null ? "–" : one.name === "reply_p95" ? `${Math.round(value)} ms` : percent(value));
const signed = (share) => `${share < 0 ? "−" : "+"}${percent(Math.abs(share))}`;

// The messages that a figure speaks of, each with the way to its conversation.
function behind(one, ...said) {
  const more = (each) => (one.name === "reply_p95" ? `${Math.round(each.ms)} ms` : one.name.startsWith("confidence") ? `${percent(each.sure)} sure` : each.who && `judged by ${each.who}`);
  const line = (each) => make("li", {}, make("a", { href: `#${encodeURIComponent(each.conversation)}` }, each.text), make("br"), make("small", { class: "soft" }, [each.did, more(each), when(each.at)].filter(Boolean).join(" · ")));
  return make("details", { class: "card" }, make("summary", {}, said),
    one.cases.length ? make("ul", { class: "cases", tabindex: "0", "aria-label": `Messages behind ${one.name}` }, one.cases.map(line)) : make("p", {}, "No message is known that it speaks of."));
}

// The next message of the fair sample. What the assistant made of it is shown once somebody has judged.
function judging() {
  const box = make("section", { class: "card judging", "aria-label": "Judge" });
  const next = async (before) => {
    try {
      const { next: one, jobs } = await ask("/v1/desk/judgements");
      if (!one) { put(box, before, make("p", {}, "Every message that began something has been judged. Count again to see what it comes to.")); return; }
      const say = async (verdict) => {
        try { await ask("/v1/desk/judgements", { conversation: one.conversation, seq: one.seq, verdict, drawn: true }); } catch (error) { tell(error.message); return; }
        await next(make("p", { class: "soft", role: "status" }, `“${one.text}”: it did ${one.did}.`));
      };
      put(box, before, make("h2", {}, "Is this the assistant’s business?"), make("p", { class: "soft" }, `It does: ${Object.values(jobs).filter(Boolean).join(", ")}; and what its pages say.`),
        one.before ? make("p", { class: "soft" }, `It had said: ${one.before}`) : null, make("blockquote", {}, one.text), verdicts(say),
        make("p", { class: "hint" }, make("kbd", {}, "o"), " ours, ", make("kbd", {}, "n"), " not ours, ", make("kbd", {}, "t"), " talk, or cannot tell"));
      if (before) box.querySelector("button").focus();
    } catch (error) { put(box, make("p", { class: "bad", role: "alert" }, error.message)); }
  };
  put(box, make("p", { class: "row" }, make("span", {}, "People’s judgements are the truth here. A sample of some hundred makes the ranges narrow."), make("button", { type: "button", onclick: () => next(null) }, "Judge messages")));
  return box;
}

// By the candidate, from what is kept and calling nothing.
async function replayed() {
  const title = "The candidate, on conversations that were", said = await worked(REPLAY, title, "/v1/desk/teaching/replay");
  if (!said) return;
  const { turns, changed } = said;
  put(main, make("h1", {}, title), make("p", {}, `${changed.length} of ${turns} turns go another way.`),
    changed.length ? table(["A customer wrote", "Then", "Now"], changed.slice(0, 200).map((one) => [one.text, one.before, one.after]), "Turns that go another way") : null);
}

search.addEventListener("submit", async (event) => {
  event.preventDefault();
  const asked = new URLSearchParams([...search.querySelectorAll("input, select")].map((one) => [one.id, one.value.trim()]).filter(([, value]) => value));
  try { found = asked.size ? (await ask(`/v1/desk/found?${asked}`)).found : null; } catch (error) { tell(error.message); }
  listed = "";
  look();
});
document.querySelector("#narrow").addEventListener("toggle", async ({ target }) => {
  if (!target.open || target.querySelector("#job").options.length > 1) return;
  const { jobs, outcomes } = await ask("/v1/desk");
  target.querySelector("#job").append(...Object.entries(jobs).map(([name, title]) => make("option", { value: name }, title || name)));
  target.querySelector("#outcome").append(...outcomes.map((name) => make("option", { value: name }, name)));
});
addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const verdict = main.querySelector(`.judging [data-key="${CSS.escape(event.key)}"]`);
  if (verdict) { verdict.click(); event.preventDefault(); return; }
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
teaching.parentElement.addEventListener("toggle", () => { teaching.dataset.now = ""; look(); });
opened(() => look());
setInterval(() => { if (!document.hidden && !document.querySelector("#door:not([hidden])")) look(); }, POLL_MS);
look();
