"use strict";
// Asks the server that this page is of, and shows its schema as introspection has it. Needs nothing else.

const find = (id) => document.getElementById(id);
const KEPT = "latewood.explorer";
const FIRST = `{
  server { version position }
  projects
}`;
const REFERENCE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
const SCHEMA = `{ __schema {
  queryType { name } mutationType { name } subscriptionType { name }
  types {
    name kind description
    fields(includeDeprecated: true) {
      name description deprecationReason type { ${REFERENCE} }
      args { name description defaultValue type { ${REFERENCE} } }
    }
    inputFields { name description defaultValue type { ${REFERENCE} } }
    enumValues(includeDeprecated: true) { name description }
    possibleTypes { name }
  }
} }`;

async function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Latewood-CSRF": "1" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  find("login").hidden = response.status !== 401;
  const text = await response.text();
  try { return JSON.parse(text); } catch { return { errors: [{ message: text || response.statusText }] }; }
}

async function run() {
  const query = find("query").value, written = find("variables").value.trim();
  localStorage.setItem(KEPT, JSON.stringify({ query, variables: written }));
  let variables;
  try { variables = written ? JSON.parse(written) : undefined; }
  catch (error) { find("answer").textContent = `Variables: ${error.message}`; return; }
  find("said").textContent = "…";
  const began = performance.now();
  try {
    const answer = await post("/graphql/", { query, variables });
    find("answer").textContent = JSON.stringify(answer, null, 2);
    find("said").textContent = `${Math.round(performance.now() - began)} ms`;
  } catch (error) {
    find("said").textContent = "the server does not answer";
  }
}

let types = new Map(), roots = [];

function made(tag, text, ...children) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function shown(type) {
  if (type.kind === "NON_NULL") return [...shown(type.ofType), "!"];
  if (type.kind === "LIST") return ["[", ...shown(type.ofType), "]"];
  const button = made("button", type.name);
  button.type = "button";
  button.addEventListener("click", () => show(type.name));
  return [button];
}

function argument(of) {
  const said = made("code", `${of.name}: `, ...shown(of.type));
  if (of.defaultValue !== null && of.defaultValue !== undefined) said.append(` = ${of.defaultValue}`);
  return made("li", "", said, " ", of.description ?? "");
}

function field(of) {
  const code = made("code", of.name, ": ", ...shown(of.type));
  const found = made("div", "", code, made("p", of.deprecationReason ? `Deprecated: ${of.deprecationReason}` : of.description));
  if (of.args?.length) found.append(made("ul", "", ...of.args.map(argument)));
  return found;
}

function show(name) {
  const type = types.get(name);
  if (!type) return;
  const back = made("button", "← all types");
  back.type = "button";
  back.addEventListener("click", () => list(""));
  const rest = [
    ...(type.fields ?? type.inputFields ?? []).map(field),
    ...(type.enumValues ?? []).map((value) => made("div", "", made("code", value.name), made("p", value.description))),
    ...(type.possibleTypes ?? []).map((one) => made("div", "", ...shown(one))),
  ];
  find("schema").replaceChildren(back, made("h2", type.name), made("p", type.description), ...rest);
}

function list(text) {
  const wanted = text.toLowerCase();
  const matches = (type) => type.name.toLowerCase().includes(wanted)
    || (type.fields ?? []).some((one) => one.name.toLowerCase().includes(wanted));
  const there = [...types.values()].filter((type) => !type.name.startsWith("__") && matches(type));
  there.sort((a, b) => roots.includes(b.name) - roots.includes(a.name) || a.name.localeCompare(b.name));
  find("schema").replaceChildren(...there.map((type) => made("div", "", ...shown(type))));
}

async function read() {
  const answer = await post("/graphql/", { query: SCHEMA });
  if (!answer.data) { find("said").textContent = answer.errors?.[0]?.message ?? ""; return; }
  const schema = answer.data.__schema;
  types = new Map(schema.types.map((type) => [type.name, type]));
  roots = [schema.queryType, schema.mutationType, schema.subscriptionType].filter(Boolean).map((type) => type.name);
  list("");
}

find("run").addEventListener("click", run);
find("search").addEventListener("input", (event) => list(event.target.value));
find("logout").addEventListener("click", async () => { await post("/logout", {}); await read(); });
find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await post("/login", { token: find("token").value });
  find("token").value = "";
  find("said").textContent = answer.errors?.[0]?.message ?? `${answer.name}, ${answer.role}`;
  if (!answer.errors) await read();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});

const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
find("query").value = kept.query ?? FIRST;
find("variables").value = kept.variables ?? "";
read();
