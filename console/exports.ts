/** A request as a text to keep: a scenario of the mock, a recorded Check, a conformance case. */
import { UsageError } from "../service/mod.ts";
import { conversationOf } from "./conversation.ts";
import { type Row, rowOf } from "./row.ts";

/** Every kind of text, and what it is for. */
export const EXPORTS: Readonly<Record<string, { title: string; make(row: Row): string }>> = {
  scenario: { title: "scenario of the mock, for --scenarios", make: scenarioOf },
  recording: { title: "recorded Check, for llmgate policy --replay", make: recordingOf },
  case: { title: "conformance case, to start from", make: caseOf },
};

/** Returns a request as a text. Throws `UsageError` for a kind that is none, and for what was not seen. */
export function exportOf(kind: string, row: Row): string {
  const known = EXPORTS[kind];
  if (known !== undefined) return known.make(row);
  throw new UsageError(`Unknown kind "${kind}": expected ${Object.keys(EXPORTS).join(", ")}`);
}

/** YAML's double-quoted scalars take JSON's strings as they are (YAML 1.2, section 7.3.1). */
const quoted = (text: string) => JSON.stringify(text);

function scenarioOf(row: Row): string {
  const { model, path, status, tokens } = rowOf(row);
  const asked = question(row);
  const { said, calls } = conversationOf(row.tapped?.events.map(({ text }) => text) ?? []);
  const lines = [
    `# What ${row.id} was asked and answered. Put it into a folder, and start with --scenarios FOLDER.`,
    `name: ${quoted(`request-${row.id.slice(0, 8)}`)}`,
    "match:",
    `  path: ${quoted(path.split("?")[0] ?? "")}`,
    ...(model === "" ? [] : [`  model: ${quoted(model)}`]),
    ...(asked === "" ? [] : [`  last_message: ${quoted(asked)}`]),
  ];
  if (status >= 400) {
    const message = said === "" ? [] : [`  message: ${quoted(said)}`];
    return [...lines, "error:", `  status: ${status}`, ...message, ""].join("\n");
  }
  lines.push(
    "reply:",
    `  text: ${quoted(said === "" ? "fill in the answer's text (dev --tap keeps it)" : said)}`,
  );
  if (calls.length > 0) {
    lines.push(
      "  tool_calls:",
      ...calls.flatMap(({ name, arguments: given }) => [
        `    - name: ${quoted(name)}`,
        `      arguments: ${quoted(given)}`,
      ]),
    );
  }
  if (tokens !== null) {
    lines.push(`  usage: { input: ${tokens.input}, output: ${tokens.output} }`);
  }
  return [...lines, ""].join("\n");
}

/** The last message of a user in a request that was kept; empty when it cannot be read. */
function question({ tapped }: Row): string {
  try {
    const body = JSON.parse(tapped?.request ?? "");
    const turns = body.messages ?? (Array.isArray(body.input) ? body.input : []);
    const last = turns.findLast(({ role }: { role?: string }) => role === "user");
    const content = typeof body.input === "string" ? body.input : last?.content;
    if (typeof content === "string") return content;
    return content?.map(({ text = "" }: { text?: string }) => text).join("") ?? "";
  } catch {
    return "";
  }
}

function recordingOf({ check }: Row): string {
  if (check?.decision === undefined) {
    throw new UsageError("Cannot record it: policy did not decide about this request");
  }
  const { method, path, host, headers, source, protocol } = check;
  const request = {
    attributes: {
      source: { address: { socketAddress: { address: source } } },
      request: { http: { method, path, host, protocol, headers } },
    },
  };
  return `${
    JSON.stringify({
      request,
      decision: check.decision,
      rule: check.rule ?? "",
      code: check.code ?? "",
      status: check.status ?? 0,
      tenant: check.tenant ?? "",
    })
  }\n`;
}

function caseOf(row: Row): string {
  const { id, method, path, status, decision, reason, events } = rowOf(row);
  const bare = path.split("?")[0] ?? "/";
  const isDenied = decision === "deny" || decision === "error";
  const body = row.tapped?.request ?? "";
  const hasBody = method !== "GET" && method !== "HEAD";
  const lines = [
    `/** A case made of the request ${id}: say what it requires, and from where. */`,
    'import type { Case } from "../conformance/mod.ts";',
    "",
    "export const CASE: Case = {",
    `  id: "own.request-${id.slice(0, 8)}",`,
    '  level: "must",',
    '  control: "none",',
    `  requirement: ${quoted(`${method} ${bare} answers ${status}`)},`,
    '  source: "fill in where this is required",',
    "  async run(t) {",
    ...(isDenied ? [`    // Denied because of ${reason}: no credential is sent.`] : []),
    "    const exchange = await t.send({",
    `      method: ${quoted(method)},`,
    `      path: ${quoted(bare)},`,
    isDenied ? "      headers: []," : "      headers: t.target.credentials.allow,",
    ...(hasBody
      ? [`      body: ${quoted(body === "" ? "fill in the body (dev --tap keeps it)" : body)},`]
      : []),
    "    });",
    "    const transcript = await exchange.done();",
    `    t.equal("status", ${status}, transcript.head?.status);`,
    ...(events > 1 ? [`    t.equal("events", ${events}, transcript.events.length);`] : []),
    "  },",
    "};",
    "",
  ];
  return lines.join("\n");
}
