// The console: a page for each section, drawn from what the gateway says. Text from outside never becomes markup.
import { ask, bars, empty, facts, make, opened, percent, put, table, tell, when } from "./draw.js";

const main = document.querySelector("#main");
let turn = 0; // a page that was left does not draw over the one that came after

function stacked(points, label) {
  const kinds = ["specialist", "upstream", "nobody"];
  const most = Math.max(1, ...points.map((point) => kinds.reduce((sum, kind) => sum + (point[kind] || 0), 0)));
  const width = 720, height = 200, left = 40, step = (width - left) / Math.max(points.length, 1);
  const drawn = make("svg", { class: "plot", viewBox: `0 0 ${width} ${height + 24}`, role: "img", "aria-label": label });
  for (const share of [0, 0.5, 1]) {
    const y = 10 + (height - 10) * (1 - share);
    drawn.append(make("line", { class: "line", x1: left, x2: width, y1: y, y2: y }), make("text", { x: 0, y: y + 4 }, String(Math.round(most * share))));
  }
  points.forEach((point, i) => {
    let base = height;
    for (const kind of kinds) {
      const tall = ((height - 10) * (point[kind] || 0)) / most;
      base -= tall;
      if (tall > 0) drawn.append(make("rect", { class: kind, x: left + i * step + 1, y: base, width: Math.max(step - 2, 1), height: tall }, make("title", {}, `${when(point.time)}: ${point[kind]} ${kind}`)));
    }
  });
  if (points.length) drawn.append(make("text", { x: left, y: height + 18 }, when(points[0].time)), make("text", { x: width, y: height + 18, "text-anchor": "end" }, when(points.at(-1).time)));
  const legend = make("ul", { class: "legend" }, kinds.map((kind) => make("li", { class: kind }, make("i", {}), kind)));
  return make("div", { class: "card" }, drawn, legend);
}

const pages = {
  async specialists() {
    const { specialists } = await ask("/v1/specialists");
    if (!specialists.length) return [empty("No specialist yet. Train one (", make("code", {}, "metier train rows.csv -o mine"), ") and add it (", make("code", {}, "metier registry add mine"), ").")];
    return [make("div", { class: "cards" }, specialists.map((one) => make("article", { class: "card" }, make("h2", {}, `${one.name}@${one.version}`),
      make("p", { class: "soft" }, `${one.task}: ${[...new Set(one.inputs.map((input) => input.domain))].join(", ")}, ${one.labels.length} labels`),
      facts([
        ["Promised", one.promise === null ? "nothing" : `at most ${percent(one.promise)} wrong`],
        ["Accuracy, held out", one.figures.accuracy ? percent(one.figures.accuracy.value) : null],
        ["Wrong among answered", one.figures.error ? percent(one.figures.error.value) : null],
        ["Answered", one.figures.coverage ? percent(one.figures.coverage.value) : null],
        ["Learnt from", one.origin.rows ? `${one.origin.rows.toLocaleString()} rows` : null],
        ["Where it abstains", one.fallback],
        ["Shadow", one.aliases?.shadow], ["Canary", one.aliases?.canary?.join(": ")],
      ]),
      make("p", {}, make("a", { href: `#playground/${encodeURIComponent(one.name)}` }, "Try it")))))];
  },

  async playground(chosen) {
    const { specialists } = await ask("/v1/specialists");
    if (!specialists.length) return pages.specialists();
    const result = make("section", { "aria-live": "polite", "aria-label": "Answer" });
    const fields = make("div", {});
    const picked = make("select", { id: "which", onchange: () => draw() }, specialists.map((one) => make("option", { value: one.name, selected: one.name === chosen }, one.name)));
    const files = ["image", "audio", "video"];
    const draw = () => {
      const one = specialists.find((each) => each.name === picked.value);
      const first = one.examples?.[0];
      put(fields, ...one.inputs.flatMap((input, i) => {
        const id = `cell-${i}`, example = one.inputs.length > 1 ? first?.[i] : first;
        if (files.includes(input.domain)) return [make("label", { for: id }, input.column), make("input", { id, type: "file", required: true })];
        if (one.inputs.length === 1) return [make("label", { for: id }, input.column), make("textarea", { id, placeholder: typeof example === "string" ? example : JSON.stringify(example ?? "") })];
        return [make("label", { for: id }, input.column), make("input", { id, value: example === null || example === undefined ? "" : String(example) })];
      }));
      put(result);
    };
    const value = async (input, i) => {
      const field = document.querySelector(`#cell-${i}`);
      if (field.type === "file") {
        const bytes = new Uint8Array(await field.files[0].arrayBuffer());
        let text = "";
        for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return { base64: btoa(text) };
      }
      if (input.domain === "number") return field.value === "" ? null : Number(field.value);
      if (input.domain === "series") { try { return JSON.parse(field.value); } catch { return field.value; } }
      return field.value;
    };
    const send = async (event) => {
      event.preventDefault();
      const one = specialists.find((each) => each.name === picked.value);
      const cells = await Promise.all(one.inputs.map(value));
      const row = one.inputs.length === 1 ? cells[0] : Object.fromEntries(one.inputs.map((input, i) => [input.column, cells[i]]));
      try {
        const { decision, milliseconds } = await ask(`/v1/specialists/${encodeURIComponent(one.name)}/decide`, { inputs: one.inputs.length === 1 && Array.isArray(row) ? [row] : row }).then((reply) => ({ ...reply, decision: reply.decision ?? reply.decisions[0] }));
        const top = Object.entries(decision.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 5);
        const words = { out_of_scope: "Not mine.", unsure: "Not sure enough.", bad_input: "Could not be read." };
        put(result, make("div", { class: "card" },
          make("p", { class: `answer ${decision.accepted ? "good" : "warn"}` }, decision.accepted ? (decision.estimate !== undefined ? `${decision.estimate} (${decision.low} to ${decision.high})` : decision.label) : words[decision.reason] ?? decision.reason),
          decision.error ? make("p", { class: "bad" }, decision.error) : null,
          ...bars(top),
          facts([["Probability", percent(decision.probability)], ["Looks like what was learnt", percent(decision.scope)], ["Stage", decision.stage], ["Inside", `${decision.microseconds.toFixed(0)} µs`], ["In all", `${milliseconds} ms`], ["Served by", decision.served_by], ["Answer", decision.id]])));
      } catch (error) { put(result, make("p", { class: "bad" }, error.message)); }
    };
    draw();
    return [make("form", { class: "card", onsubmit: send }, make("label", { for: "which" }, "Specialist"), picked, fields, make("p", {}, make("button", {}, "Ask"))), result];
  },

  async traffic() {
    const { minutes, latest } = await ask("/v1/ledger/traffic");
    if (!latest.length) return [empty("Nothing was asked yet.")];
    const now = Math.floor(Date.now() / 60000) * 60;
    const known = Object.fromEntries(minutes.map((one) => [one.time, one]));
    const hour = Array.from({ length: 60 }, (_, i) => known[now - (59 - i) * 60] ?? { time: now - (59 - i) * 60 });
    return [stacked(hour, "Answers a minute, by who gave them"), make("h2", {}, "Latest"),
      table(["When", "Specialist", "Answer", "#Probability", "Served by", "#ms"], latest.map((one) => [when(one.time), `${one.specialist}@${one.version}`, one.accepted ? one.label : `abstained: ${one.reason}`, percent(one.probability), one.served_by, one.milliseconds.toFixed(2)]), "Latest answers"),
      make("p", {}, make("button", { onclick: show }, "Look again"))];
  },

  async ledger() {
    const { totals, alarms, compared_with: beside } = await ask("/v1/ledger");
    if (!totals.length) return [empty("The ledger is empty.")];
    return [alarms.length ? make("div", { class: "card" }, make("h2", { class: "bad" }, "Alarms"), make("ul", {}, alarms.map((one) => make("li", {}, `${one.specialist}: ${one.text}`)))) : make("p", { class: "good" }, "No promise is broken, and nothing has drifted."),
      table(["Specialist", "#Answers", "#Served here", "#Upstream, $", beside ? `#${beside} would bill, $` : "#Saved, $", "#Wh", "#Corrected", "#Wrong"], totals.map((one) => [one.specialist, one.answers.toLocaleString(), percent(one.served_here), one.upstream_dollars, one.compared_dollars ?? "–", one.watt_hours ?? "not measured", one.corrected, one.error ?? "–"]), "Totals")];
  },

  async inbox() {
    const [{ answers }, { specialists }] = await Promise.all([ask("/v1/ledger/doubtful"), ask("/v1/specialists")]);
    if (!answers.length) return [empty("Nothing doubtful waits. What a specialist abstains from, and what it is least sure of, comes here.")];
    const labels = Object.fromEntries(specialists.map((one) => [one.name, one.labels]));
    return [make("ul", { class: "cards", role: "list" }, answers.map((one) => {
      const id = `right-${one.id}`;
      const card = make("li", { class: "card" },
        make("p", { class: "soft" }, `${one.specialist}@${one.version}, ${when(one.time)}`),
        make("p", {}, one.input ?? "The input was not kept (keep_inputs)."),
        make("p", {}, one.accepted ? `Answered ${one.label}, ${percent(one.probability)}` : `Abstained (${one.reason}); likeliest ${one.label ?? "none"}, ${percent(one.probability)}`),
        make("label", { for: id }, "Right would be"),
        make("div", { class: "row" }, make("input", { id, list: `labels-${one.specialist}`, value: one.label ?? "" }),
          make("button", { onclick: async () => { try { await ask("/v1/feedback", { id: one.id, label: card.querySelector("input").value }); card.remove(); tell("Kept. It will teach the next version."); } catch (error) { tell(error.message); } } }, "Correct")));
      return card;
    })), ...Object.entries(labels).map(([name, each]) => make("datalist", { id: `labels-${name}` }, each.map((label) => make("option", { value: label }))))];
  },

  async registry() {
    const { specialists, record } = await ask("/v1/registry");
    const act = (path, body) => async () => { try { await ask(path, body); tell("Done."); show(); } catch (error) { tell(error.message); } };
    return [...specialists.map((one) => make("section", { class: "card" }, make("h2", {}, one.name),
      table(["Version", "Is", "Added", ""], one.versions.map((version) => [version.version, version.is.join(", ") || "–", version.added ? when(version.added) : "–",
        make("div", { class: "row" }, version.is.includes("production") ? null : make("button", { onclick: act(`/v1/registry/${encodeURIComponent(one.name)}/promote`, { version: version.version, alias: "production" }) }, "Promote"),
          version.is.length ? null : make("button", { onclick: act(`/v1/registry/${encodeURIComponent(one.name)}/promote`, { version: version.version, alias: "shadow" }) }, "Shadow"))]), `Versions of ${one.name}`),
      one.before.length ? make("p", {}, make("button", { onclick: act(`/v1/registry/${encodeURIComponent(one.name)}/rollback`, {}) }, `Roll back to ${one.before.at(-1)}`)) : null)),
      make("h2", {}, "Who did what"), table(["When", "Who", "What"], record.map((one) => [when(one.time), one.who, one.what]), "Record")];
  },

  async keys() {
    const { keys } = await ask("/v1/keys");
    const fresh = make("p", { role: "status" });
    const create = async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      try { const { key } = await ask("/v1/keys", { owner: form.get("owner"), role: form.get("role") }); fresh.textContent = `Shown once: ${key}`; } catch (error) { tell(error.message); }
    };
    const revoke = (id) => async () => { try { await ask(`/v1/keys/${encodeURIComponent(id)}`, undefined, "DELETE"); tell("Revoked."); show(); } catch (error) { tell(error.message); } };
    return [make("form", { class: "card row", onsubmit: create }, make("div", {}, make("label", { for: "owner" }, "Owner"), make("input", { id: "owner", name: "owner", required: true })),
      make("div", {}, make("label", { for: "role" }, "Role"), make("select", { id: "role", name: "role" }, ["ask", "correct", "operate"].map((role) => make("option", {}, role)))), make("button", {}, "Make a key")), fresh,
      keys.length ? table(["Id", "Owner", "Role", "Made", ""], keys.map((one) => [one.id, one.owner, one.role, when(one.made), one.revoked ? "revoked" : make("button", { onclick: revoke(one.id) }, "Revoke")]), "Keys") : empty("No keys: this gateway answers this machine alone.")];
  },
};

const titles = { specialists: "Specialists", playground: "Playground", traffic: "Live traffic", ledger: "Ledger", inbox: "Inbox", registry: "Registry", keys: "Keys" };

async function show() {
  const mine = ++turn;
  const [name, argument] = location.hash.slice(1).split("/");
  const page = name in pages ? name : "specialists";
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#${page}`);
  document.querySelector("nav a[aria-current]")?.setAttribute("aria-current", "page");
  let inside;
  try { inside = await pages[page](argument && decodeURIComponent(argument)); } catch (error) { inside = [make("p", { class: "bad", role: "alert" }, error.message)]; }
  if (mine !== turn) return;
  put(main, make("h1", {}, titles[page]), ...inside);
  document.title = `${titles[page]} – Métier console`;
}

opened(show);
addEventListener("hashchange", async () => { await show(); main.focus(); });
setInterval(() => { if (location.hash === "#traffic" && !document.hidden) show(); }, 5000);
show();
