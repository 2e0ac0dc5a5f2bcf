/** The console at a gateway's control listener: in a browser, by keyboard, and by hand. */
import assert from "node:assert/strict";
import type { RunningCheck } from "../../console/mod.ts";
import { type AddOn, singleUpstream, withAddOns } from "../../gateway/mod.ts";
import { bundleConsole } from "../../scripts/bundle_console.ts";
import { type Browser, NO_BROWSER, startBrowser, WIDTHS } from "../testing/browser.ts";
import { chat, startTestGateway } from "../testing/stack.ts";

const ignore = NO_BROWSER !== "";

/** Strings that would do something where somebody takes text for markup. */
const XSS = [
  `<img src=x onerror=alert(1)>`,
  `"><svg onload=alert(1)>`,
  `</script><script>alert(1)</script>`,
  `javascript:alert(1)`,
  `{{constructor.constructor('alert(1)')()}}`,
  "${alert(1)}",
  `' onmouseover='alert(1)`,
];

/** Elements that only an attack could have made, and handlers that the page never writes. */
const ALIEN =
  `document.querySelectorAll("img, iframe, object, embed, [onerror], [onload], [onmouseover]," +
  "a[href^='javascript:'], svg[onload]").length + document.querySelectorAll("script:not([src])").length`;

/** Trends of a log that is not there. */
const TRENDS: AddOn = {
  ports: [],
  start: () =>
    Promise.resolve({
      shows: {
        trends: () =>
          Promise.resolve([0, 60, 120].map((at) => ({
            at,
            series: "all",
            requests: at,
            errors: 1,
            p50_ms: 2,
            p95_ms: 3,
            tokens: 4,
          }))),
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

/** A run of the suite that is over at once: one case passed, one did not. */
function run(): RunningCheck {
  return {
    lines: ReadableStream.from([
      "    1/2 passed       a.one    must   h1   3 ms",
      "    2/2 FAILED       b.two    must   h1   3 ms  status",
    ]),
    ended: Promise.resolve({ code: 1, html: "<!doctype html><title>report</title>", error: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const rows = (count: number) => `document.querySelectorAll("tr[data-id]").length >= ${count}`;

async function drained(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  await response.text();
  return response;
}

Deno.test({
  name:
    `a request is a row before its first token, and the page follows it to its end${NO_BROWSER}`,
  ignore,
  async fn() {
    await using gateway = await startTestGateway();
    await using browser = startBrowser();
    gateway.part.mock?.scripts.set("held", {
      steps: [
        { headers: {} },
        { barrier: "first" },
        { event: { data: "{}" } },
        { barrier: "last" },
        {
          event: { data: "[DONE]" },
        },
      ],
    });
    await browser.open(`${gateway.control.url}/`);
    await browser.until(`document.querySelector("#link.live")`);
    const answer = chat(gateway, {
      headers: { "x-mock-script": "held", "x-request-id": "live-1" },
    });
    const cell = `document.querySelector("tr[data-id='live-1'] .pill")?.textContent`;
    await browser.until(`${cell} === "waiting"`);
    gateway.part.mock?.barriers.release("held/first");
    await browser.until(`${cell} === "streaming"`);
    await browser.press("j", "Enter");
    await browser.until(`document.querySelectorAll(".detail .c-upstream.mark").length === 1`);
    gateway.part.mock?.barriers.release("held/last");
    await drained(answer);
    await browser.until(`${cell} === "200"`);
    await browser.until(
      `/rule 6 of 6, because the credential is known/.test(document.body.textContent)`,
    );
    await browser.until(`document.querySelectorAll(".stretches tr").length > 3`);
  },
});

Deno.test({
  name:
    `every page is reached by keyboard alone, and axe has nothing to say in the light${NO_BROWSER}`,
  ignore,
  async fn() {
    await using gateway = await startTestGateway({
      profile: withAddOns(singleUpstream(), [TRENDS]),
      console: { startCheck: () => Promise.resolve(run()) },
    });
    for (const key of ["demo-key", ""]) await drained(chat(gateway, { key, stream: true }));
    await using browser = startBrowser();
    // In the dark: hostile_test.ts.
    for (const width of WIDTHS) {
      await browser.open(`${gateway.control.url}/`, { width, scheme: "light" });
      await browser.until(rows(2));
      await findNothing(browser, `requests ${width}`);
      await browser.press("j", "Enter");
      await browser.until(`document.querySelector(".detail .lanes")`);
      await findNothing(browser, `request ${width}`);
      await browser.press("Escape", "?");
      await browser.until(`document.querySelector("dialog[open]")`);
      await findNothing(browser, `help ${width}`);
      await browser.press("Escape");
      // Until it is gone, keys are the dialog's.
      await browser.until(`document.querySelector("dialog") === null`);
      for (
        const [key, title] of [
          ["u", "Rules"],
          ["f", "Faults"],
          ["p", "Playground"],
          ["k", "Check"],
          ["t", "Trends"],
          ["h", "Hosts"],
          ["c", "Config"],
        ] as const
      ) {
        await browser.press("g", key);
        await browser.until(`document.querySelector(".page-title")?.textContent === "${title}"`);
        if (title === "Rules") await browser.until(`document.querySelector("#dry-run")`);
        if (title === "Check") {
          await browser.evaluate(`document.querySelector("#run").focus()`);
          await browser.press("Enter");
          await browser.until(`/A MUST is not met/.test(document.body.textContent)`);
        }
        if (title === "Trends") await browser.until(`document.querySelector("canvas")`);
        if (title === "Config") await browser.until(`/sha256/.test(document.body.textContent)`);
        await findNothing(browser, `${title} ${width}`);
      }
    }
  },
});

async function findNothing(browser: Browser, where: string): Promise<void> {
  assert.deepEqual(await browser.axe(), [], where);
  const beyond = await browser.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.ok(beyond <= 0, `${where} is ${beyond} px wider than the window`);
}

Deno.test({
  name: `what strangers write stays text, wherever it is shown${NO_BROWSER}`,
  ignore,
  async fn() {
    await using gateway = await startTestGateway();
    for (const [index, text] of XSS.entries()) {
      await drained(
        fetch(`${gateway.url}/v1/${encodeURIComponent(text)}?q=${encodeURIComponent(text)}`, {
          headers: { "x-api-key": "demo-key", "x-team": text, "user-agent": text },
        }),
      );
      await drained(fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "x-api-key": "demo-key", "x-request-id": `xss-${index}` },
        body: JSON.stringify({ model: text, messages: [{ role: "user", content: text }] }),
      }));
    }
    await using browser = startBrowser();
    await browser.open(`${gateway.control.url}/`);
    await browser.until(rows(2 * XSS.length));
    for (const [index, text] of XSS.entries()) {
      await browser.evaluate(`location.hash = "#/requests/xss-${index}"`);
      await browser.until(
        `document.querySelector(".detail")?.textContent.includes(${JSON.stringify(text)})`,
      );
      assert.equal(await browser.evaluate(ALIEN), 0, text);
    }
    await browser.press("/");
    await browser.type(XSS.join(" "));
    await browser.press("Escape", "g", "u");
    await browser.until(`document.querySelector("#asked")`);
    await browser.evaluate(`(() => {
      const field = document.querySelector("#rules");
      field.value = ${
      JSON.stringify(`version: ${JSON.stringify(XSS[0])}\nrules: <img src=x onerror=alert(1)>`)
    };
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    })()`);
    await browser.until(`document.querySelector("#problems li")`);
    assert.equal(await browser.evaluate(ALIEN), 0);
  },
});

Deno.test({
  name:
    `the rules page says what would change, by keyboard, and a fault is on every page until it is off${NO_BROWSER}`,
  ignore,
  async fn() {
    await using gateway = await startTestGateway();
    for (let n = 0; n < 3; n++) await drained(chat(gateway));
    await using browser = startBrowser();
    await browser.open(`${gateway.control.url}/#/rules`);
    await browser.until(
      `/^0 of the last 3 decisions/.test(document.querySelector("#dry-run")?.textContent)`,
    );
    await browser.evaluate(`document.querySelector("#rules").focus()`);
    await browser.press("Control+a");
    await browser.type('version: "2"\nrules: []');
    await browser.until(
      `/^3 of the last 3 decisions/.test(document.querySelector("#dry-run")?.textContent)`,
    );
    assert.equal(await browser.evaluate(`document.querySelector("button.primary").disabled`), true);
    await browser.press("Control+a");
    await browser.type("rules: 3");
    await browser.until(`/line 1, column/.test(document.querySelector("#problems")?.textContent)`);
    await browser.go(`${gateway.control.url}/#/faults`);
    await browser.until(`document.querySelector("#upstream-429")`);
    await browser.evaluate(`document.querySelector("#upstream-429").focus()`);
    await browser.press("Space");
    await browser.until(`document.querySelector(".banner")`);
    assert.equal((await drained(chat(gateway))).status, 429);
    await browser.press("g", "h");
    await browser.until(
      `document.querySelector(".banner") && /Hosts/.test(document.title + document.body.textContent)`,
    );
    await browser.evaluate(`document.querySelector(".banner button").focus()`);
    await browser.press("Enter");
    await browser.until(`!document.querySelector(".banner")`);
    assert.equal((await drained(chat(gateway))).status, 200);
  },
});

Deno.test({
  name: `the page comes back by itself when the gateway was started again${NO_BROWSER}`,
  ignore,
  async fn() {
    await using browser = startBrowser();
    let port: number;
    {
      await using first = await startTestGateway();
      port = first.control.port;
      await drained(chat(first));
      await browser.open(`${first.control.url}/`);
      await browser.until(rows(1));
    }
    await browser.until(`document.querySelector("#link.lost")`);
    await using second = await startTestGateway({ ports: { control: port } });
    await browser.until(`document.querySelector("#link.live")`);
    await drained(chat(second, { headers: { "x-request-id": "after" } }));
    await browser.until(`document.querySelector("tr[data-id=after]")`);
    // The rows of the run before are gone: their requests are not known any more.
    assert.equal(await browser.evaluate(`document.querySelectorAll("tr[data-id]").length`), 1);
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
  const url = `${gateway.control.url}/api/v1/faults/policy-down`;
  const foreign = await fetch(url, {
    method: "PUT",
    headers: { origin: "http://evil.example", "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(foreign.status, 403);
  await foreign.body?.cancel();
  assert.equal((await drained(chat(gateway))).status, 200);
});

Deno.test("the embedded page is the bundle of its source", async () => {
  const embedded = new URL("../../console/page/console.js.txt", import.meta.url);
  assert.equal(await Deno.readTextFile(embedded), await bundleConsole());
});
