/** A model router that nobody can steer, go around, or hear before policy. */
import { createServer } from "node:net";
import { closeServer } from "../../service/mod.ts";
import { BOTH, type Case } from "../case.ts";
import { jsonOf, valuesOf } from "../client/transcript.ts";
import { chatWith, routed, routerOf, SEVERAL, takersOf } from "./router.ts";
import { jsonAnswer } from "./shapes.ts";

const EPP = "Gateway API Inference Extension: endpoint picker protocol";

/** Headers by which gateways name a host, and what a client might hope to steer with. */
const steering = (endpoint: string): [string, string][] => [
  ["x-gateway-destination-endpoint", endpoint],
  ["x-gateway-destination-endpoint-subset", endpoint],
  ["x-envoy-original-dst-host", endpoint],
  ["x-envoy-original-host", endpoint],
  ["x-host", endpoint],
  ["x-forwarded-host", endpoint],
];

export const ROUTER_SAFETY_CASES: readonly Case[] = [
  routed({
    id: "router.no-ssrf",
    level: "must",
    requirement: "No header of a client names a host: neither one outside, nor one of the backends",
    source: `${EPP}; CWE-918`,
    async run(t) {
      const { chat, backends } = routerOf(t);
      await using trap = await openTrap();
      t.upstream.script(...jsonAnswer("{}"));
      const { head } = await t.ask(chatWith(t, { headers: steering(trap.endpoint) }));
      t.oneOf("status", [200, 400], head?.status);
      t.equal("connections to the client's host", 0, trap.connections());
      const other = backends.find(({ models }) => models && !models.includes(chat.model));
      if (!other) return;
      const part = t.fork("backend");
      part.upstream.script(...jsonAnswer("{}"));
      for (let n = 0; n < SEVERAL; n++) {
        await part.ask(chatWith(part, { headers: steering(other.endpoint) }));
      }
      t.that(
        "a backend that does not serve the model",
        !takersOf(part).includes(other),
        "no request",
        takersOf(part).map(({ endpoint }) => endpoint),
      );
    },
  }),
  routed({
    id: "router.destination-stripped",
    level: "must",
    requirement: "A client's own destination header does not reach the backend",
    source: EPP,
    async run(t) {
      t.upstream.script(...jsonAnswer("{}"));
      const headers: [string, string][] = [["x-gateway-destination-endpoint", "192.0.2.1:80"]];
      await t.ask(chatWith(t, { headers }));
      const seen = await t.upstream.request();
      const values = valuesOf(seen.headers, "x-gateway-destination-endpoint");
      t.that(
        "x-gateway-destination-endpoint",
        !values.includes("192.0.2.1:80"),
        "not the client's",
        values,
      );
    },
  }),
  routed({
    id: "router.denied-unread",
    level: "must",
    control: "both",
    requirement: "What policy denies is denied before the router has a word about it",
    source: "Project: ext_authz stands first",
    async run(t) {
      const transcript = await t.ask(chatWith(t, { as: "nobody", body: "{" }));
      t.oneOf("status", [401, 403], transcript.head?.status);
      t.equal("requests at the backends", 0, t.upstream.requests().length);
    },
  }),
  routed({
    id: "router.fail-closed",
    level: "must",
    feature: "router_down",
    requirement: "Without a router a request is refused with a 5xx and reaches no backend",
    source: "Envoy ext_proc.proto: failure_mode_allow",
    axes: BOTH,
    async run(t) {
      t.excuse("agree.something-passes", "Its router is down");
      const transcript = await t.ask(chatWith(t));
      const status = transcript.head?.status ?? 0;
      t.that("status", status >= 500, "5xx", status);
      t.equal("error.type is text", "string", typeof jsonOf(transcript)?.error?.type);
      t.equal("requests at the backends", 0, t.upstream.requests().length);
    },
  }),
];

/** A listener that nobody has a reason to reach. */
async function openTrap(): Promise<
  AsyncDisposable & { readonly endpoint: string; connections(): number }
> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `127.0.0.1:${port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: () => closeServer(server, []),
  };
}
