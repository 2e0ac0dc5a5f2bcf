/** The charge as a limits service of somebody else's is told it: by Envoy's own expressions, without ours behind it. */
import assert from "node:assert/strict";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { startGrpcServer } from "../../grpc/mod.ts";
import { Journal } from "../../service/mod.ts";
import { DEMO, startEdge } from "./stack.ts";

const PACKAGE = "envoy.service.ratelimit.v3";
const RULES = `{ version: all, keys: [{ name: demo, key: demo-key, tenant: demo }],
  rules: [{ name: all, match: { credential: known }, allow: { set: { x-tenant: "{tenant}" } } }] }`;

interface Told {
  readonly descriptors?: readonly {
    readonly entries: readonly { readonly key: string; readonly value?: string }[];
    readonly hits_addend?: number;
  }[];
}

Deno.test("another limits service is told an answer's tokens by whatever method it was made, and none for what reads", async () => {
  const charges = new Journal<number>({ limit: 100 });
  await using service = await startGrpcServer({
    services: [{
      name: `${PACKAGE}.RateLimitService`,
      methods: {
        ShouldRateLimit: {
          unary(bytes) {
            const { descriptors = [] } = messageCodec(`${PACKAGE}.RateLimitRequest`)
              .decode(bytes) as Told;
            // At an answer's end both come: what ours reads, and what any other counts.
            if (descriptors[0]?.entries[0]?.value === "charge") {
              const tokens = descriptors.find(({ entries }) => entries[0]?.key === "tenant_tokens");
              charges.append(tokens?.hits_addend ?? 1);
            }
            return messageCodec(`${PACKAGE}.RateLimitResponse`).encode({ overall_code: "OK" });
          },
        },
      },
    }],
  });
  const usage = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
  await using upstream = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ object: "chat.completion", model: "m", choices: [], usage }),
  );
  const { port } = upstream.addr;
  await using edge = await startEdge({
    limitsAddress: service.address,
    rules: RULES,
    overlay: { clusters: { upstream: { host: "127.0.0.1", port } } },
  });
  const told: Record<string, number> = {};
  for (const method of ["POST", "PUT", "PATCH", "GET", "DELETE"]) {
    const before = charges.entries().length;
    const answer = await fetch(`${edge.url}/v1/chat/completions`, { method, headers: DEMO });
    assert.equal(answer.status, 200, method);
    await answer.body?.cancel();
    await charges.waitFor(() => charges.entries().length > before);
    told[method] = charges.entries().at(-1) ?? -1;
  }
  assert.deepEqual(told, { POST: 30, PUT: 30, PATCH: 30, GET: 0, DELETE: 0 });
});
