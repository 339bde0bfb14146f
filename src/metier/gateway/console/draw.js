// What the pages of a gateway share: to ask with the key, and to draw. Text from outside never becomes markup.
const said = document.querySelector("#said");
const door = document.querySelector("#door");

class Refused extends Error {}

export async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  const headers = { "content-type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.authorization = `Bearer ${key}`;
  const reply = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const json = (reply.headers.get("content-type") || "").includes("json") ? await reply.json() : {};
  if (reply.status === 401 || reply.status === 403) { door.hidden = false; }
  if (!reply.ok) throw new Refused(json.error?.message ?? json.detail ?? `${reply.status} ${reply.statusText}`);
  return json;
}

export function make(name, attributes = {}, ...inside) {
  const svg = ["svg", "rect", "line", "text", "title", "g"].includes(name);
  const one = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) one.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) one.setAttribute(key, value === true ? "" : value);
  }
  return put(one, ...inside);
}

// What a node holds from now on. The browser's own replaceChildren would write "null" where there is nothing.
export function put(one, ...inside) {
  one.replaceChildren(...inside.flat(Infinity).filter((each) => each !== null && each !== undefined));
  return one;
}

export const percent = (share, digits = 1) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`);
export const when = (time) => new Date(typeof time === "number" ? time * 1000 : time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
export const tell = (text) => { said.textContent = text; clearTimeout(tell.timer); tell.timer = setTimeout(() => (said.textContent = ""), 6000); };
export const empty = (...inside) => make("p", { class: "empty" }, ...inside);

export function table(heads, rows, caption) {
  const figure = (head) => (head.startsWith("#") ? "figure" : null);
  const name = (head) => head.replace(/^#/, "");
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col", class: figure(head) }, name(head))))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell, i) => make("td", { class: figure(heads[i]) }, cell)))))));
}

export function facts(pairs) {
  return make("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]));
}

export function bars(chances) {
  return chances.map(([label, chance]) => make("div", { class: "bar" }, make("span", {}, label),
    make("meter", { min: 0, max: 1, value: chance, "aria-label": `${label}: ${percent(chance)}` }), make("span", {}, percent(chance))));
}

// Calls `again` once a key was given, and whenever the page is to be drawn anew.
export function opened(again) {
  door.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("key", document.querySelector("#key").value);
    door.hidden = true;
    again();
  });
}
