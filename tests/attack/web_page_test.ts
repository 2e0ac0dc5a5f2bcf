/**
 * Attacks of a page in somebody's browser on the listeners of a gateway that runs on the same machine. Beside each
 * listener a server without a guard stands witness: what the page cannot do here, it can do there.
 */
import assert from "node:assert/strict";
import { startControl } from "../../gateway/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import { startEnvoyStack } from "../envoy/stack.ts";
import { chromiumPath, documentAt, openPage } from "./chromium.ts";

const chromium = chromiumPath();
const SKIPPED = chromium === undefined ? " (skipped: no Chromium here, and no CHROMIUM_PATH)" : "";

/** Script of a page that tries each way and tells the result: `read …`, or `failed`. */
const ATTACK = `
  const read = (url, init) => fetch(url, init).then(
    async (response) => "read " + response.status + " " + (await response.text()).slice(0, 80),
    () => "failed",
  );
  const attack = async (base) => {
    const said = {};
    said.journal = await read(base + "/journal/policy");
    said.metrics = await read(base + "/metrics");
    said.close = await read(base + "/__policy/close", { method: "POST", mode: "no-cors" });
    said.text = await read(base + "/__policy/close", {
      method: "POST", mode: "no-cors", body: "{}", headers: { "content-type": "text/plain" },
    });
    said.json = await read(base + "/__policy/rules", {
      method: "PUT", body: "version: evil", headers: { "content-type": "application/json" },
    });
    said.beacon = String(navigator.sendBeacon(base + "/__policy/close", "x"));
    const form = document.createElement("form");
    const frame = document.createElement("iframe");
    frame.name = "target " + base;
    document.body.append(frame, form);
    Object.assign(form, { method: "POST", action: base + "/__policy/close", target: frame.name });
    const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
    form.submit();
    await loaded;
    return said;
  };
`;

Deno.test({
  name: `a page on another port reads no journal, closes no policy and sets no rules${SKIPPED}`,
  ignore: chromium === undefined,
  async fn() {
    await using policy = await startPolicy();
    await using upstream = await startUpstream();
    await using control = await startControl({ host: "127.0.0.1", port: 0, policy, upstream });
    const posts: string[] = [];
    await using witness = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        posts.push(request.method);
        return new Response("secret", { headers: { "access-control-allow-origin": "*" } });
      },
    );
    const { version } = policy;
    await using page = await openPage(
      chromium ?? "",
      `${ATTACK} return {
        here: await attack("${control.url}"),
        there: await attack("http://127.0.0.1:${witness.addr.port}"),
      };`,
    );
    const { here, there } = await page.said as Record<string, Record<string, string>>;
    // The attack is one: without a guard its posts arrive, and with CORS its reads do.
    assert.equal(there?.["journal"], "read 200 secret");
    assert.ok(posts.filter((method) => method === "POST").length >= 3, posts.join());
    assert.equal(here?.["journal"], "failed");
    assert.equal(here?.["metrics"], "failed");
    assert.equal(here?.["json"], "failed");
    assert.equal(policy.version, version);
    // Had one of the posts been obeyed, nobody would listen here now.
    (await Deno.connect({ hostname: policy.host, port: policy.port })).close();
  },
});

Deno.test({
  name: `a domain that is pointed at this machine is asked nothing: 421${SKIPPED}`,
  ignore: chromium === undefined,
  async fn() {
    await using policy = await startPolicy();
    await using upstream = await startUpstream();
    await using control = await startControl({ host: "127.0.0.1", port: 0, policy, upstream });
    // Of one origin with the listener, to the browser: a page of that domain reads whatever is shown here.
    const [own, bent] = await Promise.all([
      documentAt(chromium ?? "", `${control.url}/metrics`),
      documentAt(chromium ?? "", `http://bent.test:${control.port}/metrics`, ["bent.test"]),
    ]);
    assert.match(own, /llmgate_policy_/);
    assert.doesNotMatch(bent, /llmgate_policy_/);
    assert.match(bent, /Cannot answer for the Host \\+"bent\.test:/);
  },
});

Deno.test({
  name: `a page stops no Envoy by its admin port${SKIPPED}`,
  ignore: chromium === undefined,
  async fn() {
    await using stack = await startEnvoyStack();
    const { admin } = stack.envoy;
    await using page = await openPage(
      chromium ?? "",
      `for (const path of ["/quitquitquit", "/drain_listeners", "/healthcheck/fail"]) {
         await fetch("${admin.url}" + path, { method: "POST", mode: "no-cors" });
       }
       return await fetch("${admin.url}/config_dump").then(() => "read", () => "failed");`,
    );
    assert.equal(await page.said, "failed");
    assert.deepEqual(await admin.ready(), { live: true, state: "LIVE" });
    const served = await fetch(`${stack.url}/v1/models`);
    await served.body?.cancel();
    assert.equal(served.status, 200);
  },
});
