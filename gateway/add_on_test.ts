import assert from "node:assert/strict";
import { type AddOn, withAddOns } from "./add_on.ts";
import type { Part, Place, Profile } from "./profile.ts";

const PLACE: Place = {
  ports: {},
  runDir: "/tmp",
  journalLimit: 1,
  peerSecret: undefined,
  log: () => {},
};
const FILE = { name: "base.yaml", text: "", sha256: "", bootstrap: {} };
const endpoint = (port: number) => ({ host: "127.0.0.1", port });

function profile(ended: string[]): Profile<Part & { readonly mine: number }> {
  return {
    name: "plain",
    listener: "ingress",
    policyCluster: "policy",
    upstreamCluster: "upstream",
    config: () => FILE,
    ports: [],
    overlay: () => ({ clusters: { upstream: endpoint(1) } }),
    start: () =>
      Promise.resolve({
        mine: 1,
        ports: { upstream: 1 },
        upstreamUrl: "http://127.0.0.1:1",
        mocks: [],
        upstream: undefined,
        metrics: [],
        services: {},
        control: { "/jwks.json": () => new Response() },
        welcome: () => [],
        suggestions: (url) => [{ title: "chat", command: `curl ${url}` }],
        [Symbol.asyncDispose]: () => Promise.resolve(void ended.push("profile")),
      }),
  };
}

const addOn = (name: string, ended: string[]): AddOn => ({
  ports: [{ name, what: name, default: 2, flag: `--${name}-port` }],
  config: (file) => ({ ...file, name: `${file.name}+${name}` }),
  overlay: () => ({ clusters: { [name]: endpoint(2) } }),
  start: () =>
    Promise.resolve({
      ports: { [name]: 2 },
      services: { [name]: 2 },
      control: { [`/${name}`]: () => new Response() },
      suggestions: (url) => [{ title: name, command: `curl ${url}/${name}` }],
      [Symbol.asyncDispose]: () => Promise.resolve(void ended.push(name)),
    }),
});

Deno.test("withAddOns() joins ports, places, services and configurations, in order", async () => {
  const ended: string[] = [];
  const both = withAddOns(profile(ended), [addOn("tap", ended), addOn("transform", ended)]);
  assert.deepEqual(both.ports.map(({ name }) => name), ["tap", "transform"]);
  assert.equal(both.config().name, "base.yaml+tap+transform");
  assert.deepEqual(Object.keys(both.overlay({}, both).clusters ?? {}), [
    "upstream",
    "tap",
    "transform",
  ]);
  const part = await both.start(PLACE);
  assert.equal(part.mine, 1);
  assert.deepEqual(part.ports, { upstream: 1, tap: 2, transform: 2 });
  assert.deepEqual(part.services, { tap: 2, transform: 2 });
  assert.deepEqual(Object.keys(part.control ?? {}), ["/jwks.json", "/tap", "/transform"]);
  assert.deepEqual(part.suggestions("http://g").map(({ command }) => command), [
    "curl http://g",
    "curl http://g/tap",
    "curl http://g/transform",
  ]);
  assert.equal(part.onRequest, undefined);
  await part[Symbol.asyncDispose]();
  assert.deepEqual(ended.toSorted(), ["profile", "tap", "transform"]);
});

Deno.test("withAddOns() ends the profile's own parts when an add-on does not start", async () => {
  const ended: string[] = [];
  const broken: AddOn = { ports: [], start: () => Promise.reject(new Error("no")) };
  await assert.rejects(withAddOns(profile(ended), [broken]).start(PLACE), /no/);
  assert.deepEqual(ended, ["profile"]);
});
