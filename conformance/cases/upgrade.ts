/** The way of cases on connections that change to WebSocket. */
import { Buffer } from "node:buffer";
import { H1Connection } from "../client/h1.ts";
import { bodyOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList } from "../target.ts";
import { wentNowhere } from "./around_policy.ts";

/** A request to speak WebSocket (RFC 6455 section 4.1). */
const UPGRADE: HeaderList = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
];

/** An upgrade, and the bytes that pass after it. */
export interface Switch {
  readonly path?: string;
  /** Headers of the request, and of the upstream's answer, beside those of every upgrade. */
  readonly headers?: HeaderList;
  readonly answer?: Readonly<Record<string, string>>;
  /** Bytes before and after those of the client have come. */
  readonly fromUpstream: readonly Uint8Array[];
  readonly fromClient: Uint8Array;
}

/**
 * Checks that an upgrade which policy refuses goes nowhere, that one which it allows goes upstream only then, and that bytes
 * pass both ways after it. Returns the head of the answer.
 */
export async function switches(
  t: CaseContext,
  { path, headers = [], answer = {}, fromUpstream, fromClient }: Switch,
): Promise<NonNullable<Transcript["head"]>> {
  const asked = {
    method: "GET",
    headers: [...UPGRADE, ...headers],
    ...(path !== undefined && { path }),
  };
  const denied = t.fork("denied");
  const refused = await denied.ask({ ...asked, as: "deny" });
  t.oneOf("denied: status", [401, 403], refused.head?.status);
  wentNowhere(denied);

  t.policy.script({ allow: {}, barrier: "decide" });
  const [first = new Uint8Array(0), ...others] = fromUpstream.map((bytes) => Buffer.from(bytes));
  t.upstream.script(
    {
      headers: { status: 101, headers: { connection: "Upgrade", upgrade: "websocket", ...answer } },
    },
    { write_base64: first.toString("base64") },
    { barrier: "heard" },
    { write_base64: Buffer.concat(others).toString("base64") },
    { end: true },
  );
  const connection = await t.connect("h1");
  if (!(connection instanceof H1Connection)) t.notMeasured("No bytes can be written there");
  const exchange = await t.send(t.chat(asked), connection);
  await t.policy.arrival("decide");
  t.equal("requests before policy decided", 0, t.upstream.requests().length);
  t.policy.release("decide");
  const head = await exchange.head();
  t.equal("status", 101, head.status);
  await exchange.bytes(first.length);
  connection.raw(fromClient, []);
  await t.upstream.request(
    "the client's bytes",
    ({ bodyBytes }) => bodyBytes >= fromClient.length,
  );
  t.upstream.release("heard");
  const expected = Buffer.concat(fromUpstream).toString("hex");
  t.equal(
    "bytes at the client",
    expected,
    Buffer.from(bodyOf(await exchange.done())).toString("hex"),
  );
  return head;
}
