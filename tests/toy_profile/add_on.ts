/** An add-on made for a test: counts requests, on a port of its own, beside any profile. */
import type { AddOn } from "../../gateway/mod.ts";
import type { AddOnKind } from "../../gateway/profiles/mod.ts";
import { flagOption, inSection } from "../../options/mod.ts";

function counter(): AddOn {
  return {
    ports: [{ name: "counter", what: "the counter", default: 9098, flag: "--counter-port" }],
    start({ ports }) {
      let count = 0;
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: ports.counter ?? 0, onListen: () => {} },
        () => new Response(String(count)),
      );
      const { port } = server.addr;
      return Promise.resolve({
        ports: { counter: port },
        services: { counter: `http://127.0.0.1:${port}` },
        metrics: [() => Promise.resolve(`toy_requests_total ${count}\n`)],
        welcome: () => [{ label: "counter", text: `port ${port}` }],
        onRequest: () => void count++,
        [Symbol.asyncDispose]: () => server.shutdown(),
      });
    },
  };
}

const FLAGS = inSection("Toy add-on (any profile)", {
  count: flagOption("--count", { description: "count the requests" }),
});

export const COUNTER: AddOnKind<typeof FLAGS> = {
  flags: FLAGS,
  bind: ({ count }) => Promise.resolve(count ? counter() : undefined),
};
