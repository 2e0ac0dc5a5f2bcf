/** The proof that an optional part of any profile touches one folder: a toy that counts requests. */
import assert from "node:assert/strict";
import { FREE_PORTS, startGateway, withAddOns } from "../../gateway/mod.ts";
import { addOnsOf, profileKind, PROFILES } from "../../gateway/profiles/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";
import { COUNTER } from "./add_on.ts";
import { TOY } from "./kind.ts";

const SURROUNDINGS = { env: () => undefined, upstream: undefined };
const text = async (url: string) => await (await fetch(url)).text();

Deno.test("an add-on that only this folder knows runs beside a profile, and hears its requests", async () => {
  const { profile } = await profileKind("toy", [...PROFILES, TOY]).bind({}, SURROUNDINGS);
  const addOns = await addOnsOf({ count: true }, SURROUNDINGS, [COUNTER]);
  await using gateway = await startGateway({
    profile: withAddOns(profile, addOns),
    ports: FREE_PORTS,
    envoyPath: await envoyPath(),
    runParents: RUN_PARENTS,
    graceMs: 0,
    concurrency: 1,
  });
  const { part } = gateway;
  assert.equal(gateway.profile, "toy");
  assert.deepEqual(Object.keys(part.services), ["greeter", "counter"]);
  assert.deepEqual(part.welcome().map(({ label }) => label), ["upstream", "greeter", "counter"]);
  const heard = Promise.withResolvers<void>();
  gateway.onRequest(() => heard.resolve());
  assert.equal(await text(String(part.services.counter)), "0");
  await text(`${gateway.url}/v1/models`);
  await heard.promise;
  assert.equal(await text(String(part.services.counter)), "1");
  assert.match(await text(`${gateway.control.url}/metrics`), /^toy_requests_total 1$/m);
});

Deno.test("without its flag there is no add-on, and the profile is the same object", async () => {
  const { profile } = await TOY.bind({}, SURROUNDINGS);
  const addOns = await addOnsOf({}, SURROUNDINGS, [COUNTER]);
  assert.equal(withAddOns(profile, addOns), profile);
});
