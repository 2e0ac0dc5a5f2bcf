/** The console at a gateway's control listener: in a browser, and by hand. */
import assert from "node:assert/strict";
import { bundleConsole } from "../../scripts/bundle_console.ts";
import { chromiumPath } from "../attack/chromium.ts";
import { chat, startTestGateway } from "../testing/stack.ts";

const chromium = chromiumPath();
const SKIPPED = chromium === undefined ? " (skipped: no Chromium here, and no CHROMIUM_PATH)" : "";

/** Opens a page and returns the result of a script in it (Chrome DevTools Protocol, Runtime.evaluate). */
async function evaluated(browser: string, url: string, script: string): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const profile = await Deno.makeTempDir({ prefix: "llmgate-chromium-" });
  stack.defer(() => Deno.remove(profile, { recursive: true }).catch(() => {}));
  const child = new Deno.Command(browser, {
    args: [
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      ...["--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  stack.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
    await rest;
  });
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/DevTools listening on \S+\s/.test(said)) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`Chromium ended: ${said}`);
    said += value;
  }
  const rest = (async () => {
    while (!(await lines.read()).done);
  })();
  const { host } = new URL(/DevTools listening on (\S+)/.exec(said)?.[1] ?? "");
  const targets = await (await fetch(`http://${host}/json`)).json();
  const page = targets.find(({ type }: { type: string }) => type === "page");
  const socket = new WebSocket(page.webSocketDebuggerUrl);
  await new Promise((resolve) => socket.onopen = resolve);
  const loaded = Promise.withResolvers<void>();
  const result = Promise.withResolvers<string>();
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === "Page.loadEventFired") loaded.resolve();
    if (message.id === 3) result.resolve(message.result?.result?.value);
  };
  const send = (id: number, method: string, params: object = {}) =>
    socket.send(JSON.stringify({ id, method, params }));
  send(1, "Page.enable");
  send(2, "Page.navigate", { url });
  await loaded.promise;
  const params = { expression: script, awaitPromise: true, returnByValue: true };
  send(3, "Runtime.evaluate", params);
  const value = await result.promise;
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  return value;
}

/** Resolves with the document as soon as so many requests are shown, all of them ended. */
const SHOWN = (count: number) =>
  `new Promise((resolve) => {
  const look = () => {
    const rows = [...document.querySelectorAll("tbody tr")];
    const ended = rows.filter((row) => /done/.test(row.textContent));
    if (ended.length >= ${count}) resolve(document.documentElement.outerHTML);
    else requestAnimationFrame(look);
  };
  look();
})`;

Deno.test({
  name: `a browser shows the requests of a gateway, and what strangers write stays text${SKIPPED}`,
  ignore: chromium === undefined,
  async fn() {
    await using gateway = await startTestGateway();
    for (const key of ["demo-key", ""]) await (await chat(gateway, { key })).body?.cancel();
    const evil = await fetch(`${gateway.url}/v1/%3Cimg%20src=x%20onerror=alert(1)%3E`, {
      headers: { "x-api-key": "demo-key" },
    });
    await evil.body?.cancel();
    const page = await evaluated(chromium ?? "", `${gateway.control.url}/`, SHOWN(2));
    assert.match(page, /<td[^>]*>POST \/v1\/chat\/completions<\/td>/);
    assert.match(page, /missing_api_key/);
    assert.match(page, /%3Cimg/);
    assert.ok(!/<img/i.test(page));
    assert.match(page, /class="live"[^>]*>live/);
  },
});

Deno.test("the playground sends through the gateway: allowed and denied as a client sees it", async () => {
  await using gateway = await startTestGateway();
  const play = (key: string) =>
    fetch(`${gateway.control.url}/api/v1/playground`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        path: "/v1/chat/completions",
        key,
        body: { model: "m", stream: true, messages: [{ role: "user", content: "Hi" }] },
      }),
    });
  const allowed = await play("demo-key");
  assert.match(allowed.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.match(await allowed.text(), /data: \[DONE\]/);
  const denied = await play("wrong");
  assert.equal(denied.status, 403);
  assert.equal((await denied.json()).error.code, "invalid_api_key");
});

Deno.test("a foreign name or page does not get the console, nor its switches", async () => {
  await using gateway = await startTestGateway();
  const url = `${gateway.control.url}/api/v1/faults/policy`;
  const foreign = await fetch(url, {
    method: "PUT",
    headers: { origin: "http://evil.example", "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(foreign.status, 403);
  await foreign.body?.cancel();
  const answer = await chat(gateway);
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});

Deno.test("the embedded page is the bundle of its source", async () => {
  const embedded = new URL("../../console/page/console.js.txt", import.meta.url);
  assert.equal(await Deno.readTextFile(embedded), await bundleConsole());
});
