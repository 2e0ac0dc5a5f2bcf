/** A model router beyond the seed's: other names for a model, forms, and hosts that are gone. */
import { BOTH, type Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import { sha256, valuesOf } from "../client/transcript.ts";
import { routed, routerOf, SEVERAL, takersOf } from "./router.ts";
import { bytes, jsonAnswer } from "./shapes.ts";

/** Requests until a router must have learnt that a host takes no connection: a second's worth. */
const FALLBACK_TRIES = 300;

export const ROUTER_REWRITE_CASES: readonly Case[] = [
  routed({
    id: "router.rewrite-only-model",
    level: "must",
    requirement:
      "Where a backend knows a model by another name, that name changes and no other byte",
    source: "Project: only the model field changes",
    axes: BOTH,
    async run(t) {
      const rewrites = routerOf(t).rewrites ?? t.unsupported("No model has another name");
      const bodyFor = (model: string) =>
        `{ "n":1.0,"x_model":"${rewrites.names[0]}" ,\n\t"model" :"${model}" ,` +
        `"messages":[{"role":"user","content":"\\"model\\":\\"${rewrites.names[0]}\\" é 😀"}],` +
        `"metadata":{"model":"${rewrites.names[0]}"},"n2":1e0 }\r\n`;
      for (const name of rewrites.names) {
        const part = t.fork(name.replace(/[^a-z0-9]+/g, "-"));
        part.upstream.script(...jsonAnswer("{}"));
        const { head } = await part.ask({ path: rewrites.path, body: bodyFor(name) });
        t.equal(`${name}: status`, 200, head?.status);
        const seen = await part.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
        const expected = bodyFor(rewrites.as);
        t.equal(`${name}: bytes`, bytes(expected).length, seen.bodyBytes);
        t.equal(`${name}: SHA-256`, sha256(expected), seen.bodySha256);
        const length = valuesOf(seen.headers, "content-length");
        t.oneOf(`${name}: content-length`, [[], [String(bytes(expected).length)]], length);
      }
    },
  }),
  routed({
    id: "router.form-model",
    level: "must",
    requirement: "A multipart form is routed by its model field, and arrives byte for byte",
    source: "OpenAI API reference: Create transcription",
    async run(t) {
      const form = routerOf(t).form ?? t.unsupported("No model takes forms");
      const boundary = "----case-boundary";
      const part = (head: string, body: string) =>
        `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
      const body = bytes(
        part('name="file"; filename="a.bin"', '\x00\x01{"model":"nobody"}\xff') +
          part('name="model"', form.model) + `--${boundary}--\r\n`,
      );
      t.upstream.script(...jsonAnswer("{}"));
      const type = `multipart/form-data; boundary=${boundary}`;
      const { head } = await t.ask({
        path: form.path,
        headers: [["content-type", type]],
        body,
      });
      t.equal("status", 200, head?.status);
      const seen = await t.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
      t.equal("SHA-256", sha256(body), seen.bodySha256);
      t.equal("content-type", [type], valuesOf(seen.headers, "content-type"));
    },
  }),
  routed({
    id: "router.next-host",
    level: "must",
    feature: "router_dead_host",
    requirement:
      "Where a host takes no connection the next one answers, and the client hears nothing",
    source: "RFC 9110 section 9.2.2: nothing of the request was sent",
    async run(t) {
      const { chat } = routerOf(t);
      for (let n = 0; n < SEVERAL; n++) {
        const part = t.fork(n);
        part.upstream.script(...jsonAnswer("{}"));
        const { head } = await part.ask({ path: chat.path, body: { model: chat.model } });
        t.equal(`request ${n + 1}: status`, 200, head?.status);
        t.equal(`request ${n + 1}: backends that took it`, 1, takersOf(part).length);
      }
    },
  }),
  routed({
    id: "router.fallback-model",
    level: "must",
    feature: "router_fallback",
    requirement:
      "Once a model has no host left, the next model of its list answers under its own name, and no request is lost",
    source: "Project: fallbacks of routes.json",
    async run(t) {
      const { backends, fallback } = routerOf(t);
      const { model, path, to } = fallback ?? t.unsupported("No model has a fallback");
      const bodyFor = (name: string) => `{"model":"${name}", "messages":[] }`;
      const ask = async (part: CaseContext) => {
        part.upstream.script(...jsonAnswer("{}"));
        return (await part.ask({ path, body: bodyFor(model) })).head?.status;
      };
      // That the host is gone is known a moment after the first request that did not reach it.
      let known = false;
      for (let n = 0; n < FALLBACK_TRIES && !known; n++) {
        known = await ask(t.fork(`before-${n}`)) === 200;
      }
      t.that("an answer after the host is gone", known, "200 in the end", known);
      const spare = backends.filter(({ models }) => models?.includes(to[0] ?? ""));
      for (let n = 0; n < SEVERAL; n++) {
        const part = t.fork(n);
        t.equal(`request ${n + 1}: status`, 200, await ask(part));
        const takers = takersOf(part).map(({ endpoint }) => endpoint);
        t.equal(`request ${n + 1}: host`, spare.map(({ endpoint }) => endpoint), takers);
        const [seen] = part.upstream.requests();
        t.equal(`request ${n + 1}: SHA-256`, sha256(bodyFor(to[0] ?? "")), seen?.bodySha256);
      }
    },
  }),
];
