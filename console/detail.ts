/** Everything that is known of one request: lanes, where the time went, the decision and why, headers, a curl line. */
import { explainRules, type Policy } from "../policy/mod.ts";
import { isCredentialHeader, now, redactedHeader, redactedTarget } from "../service/mod.ts";
import type { ConsoleDetail, DecisionShown, HeaderSeen, Lane, Stretch } from "./request.ts";
import { type Row, rowOf } from "./row.ts";
import { conversationOf } from "./conversation.ts";
import type { ConsoleSources, PartLane } from "./sources.ts";

/** Returns the details of a request. */
export function detailOf(row: Row, about: {
  readonly policy: Policy | undefined;
  /** Base URL of the gateway. */
  readonly ingress: string;
  readonly lane?: ConsoleSources["lane"];
}): ConsoleDetail {
  const clock = clockOf(row);
  const part = about.lane?.(row.id);
  const explained = explain(row, about.policy);
  return {
    ...rowOf(row),
    lanes: lanesOf(row, { clock, part }),
    stretches: stretchesOf(row, { clock, part }),
    explained,
    rules_changed: explained !== null && row.check?.decision !== undefined &&
      row.check.rule !== "script" &&
      (explained.decision !== row.check.decision || explained.rule !== row.check.rule),
    headers: headersOf(row),
    facts: factsOf(row),
    curl: curlOf(row, about.ingress),
    tap: tapOf(row, clock),
  };
}

/** Times on the page count from the request's first sign. */
interface Clock {
  readonly start: number;
  at(time: number): number;
}

function clockOf({ check, exchanges, record, tapped }: Row): Clock {
  const signs = [
    check?.receivedAt,
    ...exchanges.map(({ receivedAt }) => receivedAt),
    tapped?.receivedAt,
    // Envoy's log has the wall clock, in whole milliseconds: it comes before what it caused.
    record && now() - (Date.now() - Date.parse(record.time)),
  ].filter((time) => time !== undefined && Number.isFinite(time)) as number[];
  const first = exchanges[0];
  const sent = record?.upstream_tx_ms ?? undefined;
  if (first !== undefined && sent !== undefined) signs.push(first.receivedAt - sent);
  const start = Math.min(...signs);
  return { start, at: (time) => Math.max(0, round(time - start)) };
}

/** The clock of a request, and what a part between policy and upstream did with it. */
interface Timing {
  readonly clock: Clock;
  readonly part: PartLane | undefined;
}

function lanesOf(row: Row, { clock, part }: Timing): Lane[] {
  const { check, exchanges, record, tapped } = row;
  const lanes: Lane[] = [];
  const total = record?.total_ms;
  if (record !== undefined && total !== undefined) {
    const first = record.first_byte_ms;
    const seen = tapped?.events.map(({ at }) => clock.at(at)) ?? [];
    lanes.push({
      name: "client",
      from: 0,
      to: total,
      ...(seen.length > 0 ? { marks: seen } : first !== null && { marks: [first] }),
      says: record.ended ?? `${record.status}`,
    });
    lanes.push({ name: "Envoy", from: 0, to: total, says: record.details });
  } else {
    lanes.push({
      name: "client",
      from: 0,
      marks: tapped?.events.map(({ at }) => clock.at(at)) ?? [],
    });
  }
  if (check !== undefined) {
    const end = check.answeredAt ?? check.cancelledAt;
    lanes.push({
      name: "policy",
      from: clock.at(check.receivedAt),
      ...(end !== undefined && { to: clock.at(end) }),
      says: check.decision ?? "pending",
    });
  }
  if (part !== undefined) {
    const { name, from, to, marks, says } = part;
    lanes.push({
      ...{ name, says, from: clock.at(from), marks: marks.map((at) => clock.at(at)) },
      ...(to !== undefined && { to: clock.at(to) }),
    });
  }
  for (const [index, exchange] of exchanges.entries()) {
    lanes.push({
      name: exchanges.length > 1 ? `upstream ${index + 1}` : "upstream",
      from: clock.at(exchange.receivedAt),
      ...(exchange.endedAt !== undefined && { to: clock.at(exchange.endedAt) }),
      marks: exchange.eventTimes.map((at) => clock.at(at)),
      says: `${exchange.status ?? "no status"}${exchange.end ? `, ${exchange.end}` : ""}`,
    });
  }
  // Somebody's own upstream keeps no journal of ours: Envoy's points stand for it.
  if (exchanges.length === 0 && record !== undefined && record.upstream_tx_ms !== null) {
    const { upstream_tx_ms: from, total_ms: to, attempts } = record;
    const marks = record.upstream_rx_ms === null ? [] : [record.upstream_rx_ms];
    lanes.push({ name: "upstream", from, to, marks, says: `${attempts} attempts` });
  }
  return lanes;
}

/** The stretches follow each other, and are the whole time together. */
function stretchesOf({ check, record }: Row, { clock, part }: Timing): Stretch[] {
  if (record === undefined) return [];
  const policyFrom = check && clock.at(check.receivedAt);
  const policyTo = check?.answeredAt === undefined ? undefined : clock.at(check.answeredAt);
  const points: [name: string, at: number | undefined | null, says: string][] = [
    ["to policy", policyFrom, "Envoy reads the request and asks"],
    ["policy", policyTo, "the decision"],
    [`to ${part?.name}`, part && clock.at(part.from), "the filter shows it the request"],
    [part?.name ?? "", part?.to === undefined ? undefined : clock.at(part.to), part?.says ?? ""],
    ["to upstream", record.upstream_tx_ms, "the request's head goes upstream"],
    ["model", record.upstream_rx_ms, "until the answer's head"],
    ["first byte", record.first_byte_ms, "until the client has a byte"],
    ["answer", record.total_ms, "until the end"],
  ];
  let before = 0;
  return points.flatMap(([name, at, says]) => {
    if (at === undefined || at === null) return [];
    const until = Math.min(Math.max(at, before), record.total_ms);
    const ms = round(until - before);
    before = until;
    return ms > 0 ? [{ name, ms, says }] : [];
  });
}

function explain({ check, record }: Row, policy: Policy | undefined): DecisionShown | null {
  const rules = policy?.rules;
  if (check === undefined || rules === undefined) return null;
  const said = explainRules(rules.parsed, check);
  if (record?.decision !== "error") return said;
  return { ...said, says: `policy gave no usable answer in time: ${record.details}` };
}

function headersOf({ check, exchanges }: Row): HeaderSeen[] {
  const upstream = new Map<string, string>();
  for (const [name, value] of exchanges.at(-1)?.headers ?? []) {
    const key = name.toLowerCase();
    const shown = redactedHeader(key, value);
    upstream.set(key, upstream.has(key) ? `${upstream.get(key)}, ${shown}` : shown);
  }
  const policy = new Map(Object.entries(check?.headers ?? {}));
  const names = [...new Set([...policy.keys(), ...upstream.keys()])]
    .filter((name) => !name.startsWith(":")).sort();
  return names.map((name) => ({
    name,
    policy: policy.get(name) ?? null,
    upstream: upstream.get(name) ?? null,
  }));
}

function factsOf(row: Row): (readonly [string, string])[] {
  const { record, check } = row;
  const exchange = row.exchanges.at(-1);
  const facts: [string, string | number | null | undefined][] = [
    ["request id", row.id],
    ["protocol", record?.protocol ?? check?.protocol],
    ["answered by", record?.details],
    ["upstream", record?.host],
    ["attempts", record === undefined || record.attempts < 2 ? undefined : record.attempts],
    ["script", exchange?.script],
    ["request", sizeOf(record?.bytes_received ?? exchange?.bodyBytes)],
    ["answer", sizeOf(record?.bytes ?? exchange?.bytesWritten)],
    ["ended", record?.ended],
    ["upstream's end", exchange?.end],
    ["upstream waited for its peer", waited(exchange?.writeStallMs)],
    ["problem", exchange?.problem],
    ["decision id", check?.decisionId],
  ];
  return facts.flatMap(([name, value]) =>
    value === undefined || value === null || value === "" ? [] : [[name, String(value)] as const]
  );
}

function waited(ms: number | undefined): string | undefined {
  return ms === undefined || ms < 1 ? undefined : `${round(ms)} ms`;
}

function sizeOf(bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : `${bytes} bytes`;
}

/** Headers that curl or Envoy sets itself. */
const LEFT_OUT =
  /^(:.*|host|content-length|accept-encoding|connection|user-agent|accept|x-request-id|x-forwarded-.*|x-envoy-.*)$/;

/** A line that sends the request again; credentials are named, never shown. */
function curlOf({ check, record, exchanges, tapped }: Row, ingress: string): string {
  const exchange = exchanges.at(-1);
  const method = check?.method ?? record?.method ?? exchange?.method ?? "GET";
  const path = redactedTarget(check?.path ?? record?.path ?? exchange?.target ?? "/");
  const words = Object.entries(check?.headers ?? {}).filter(([name]) => !LEFT_OUT.test(name))
    .map(([name, value]) =>
      `-H ${quote(isCredentialHeader(name) ? `${name}: $KEY` : `${name}: ${value}`)}`
        .replace(/^-H '(.*): \$KEY'$/, '-H "$1: $KEY"')
    );
  const body = method === "GET" || method === "HEAD" ? [] : [
    `--data ${
      tapped === undefined ? `'{"model":${JSON.stringify(exchange?.model ?? "MODEL")}, …}'` : quote(
        tapped.request,
      )
    }`,
  ];
  return ["curl -iN", `-X ${method}`, ...words, ...body, quote(`${ingress}${path}`)].join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function tapOf({ tapped }: Row, clock: Clock): ConsoleDetail["tap"] {
  if (tapped === undefined) return null;
  return {
    request: tapped.request,
    answer: tapped.events.map(({ at, text }) => ({ at: clock.at(at), text })),
    ...conversationOf(tapped.events.map(({ text }) => text)),
    left_out: tapped.leftOut,
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
