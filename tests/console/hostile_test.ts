/** The console full of what strangers write, and of more than it can hold: in a browser, by keyboard alone. */
import assert from "node:assert/strict";
import { type Browser, NO_BROWSER, startBrowser, WIDTHS } from "../testing/browser.ts";
import { serveConsole, strange } from "./served_console.ts";

const ignore = NO_BROWSER !== "";

/** Attempts at markup, and texts that are long, read from right to left, or made of many code points. */
const TEXT = [
  `<img src=x onerror=alert(1)>"><svg onload=alert(1)></script><script>alert(1)</script>`,
  `javascript:alert(1) ' onmouseover='alert(1) {{7*7}} \${7*7} &lt;b&gt;`,
  "שלום \u202eevil\u202c 👩‍👩‍👧‍👦 é\u0301",
  "x".repeat(300),
].join(" ");

/** Elements that only an attack could have made. */
const ALIEN =
  `document.querySelectorAll("img, iframe, object, embed, [onerror], [onload], [onmouseover]," +
  "a[href^='javascript:'], svg[onload], script:not([src])").length`;

const PAGES = [
  ["u", "Rules", `document.querySelector("#dry-run")`],
  ["f", "Faults", `document.querySelector(".switches")`],
  ["p", "Playground", `document.querySelector("#send")`],
  ["k", "Check", `document.querySelector("#run")`],
  ["t", "Trends", `document.querySelector("canvas")`],
  ["h", "Hosts", `document.querySelector("tbody td")`],
  ["l", "Limits", `document.querySelector("tbody td")`],
  ["e", "Traces", `document.querySelector("tbody td")`],
  ["c", "Config", `/sha256/.test(document.body.textContent)`],
] as const;

/** Presses Tab until the focus is on what the selector names. */
async function tabTo(browser: Browser, selector: string): Promise<void> {
  const isThere = `document.activeElement.matches(${JSON.stringify(selector)})`;
  for (let tabs = 0; !await browser.evaluate<boolean>(isThere); tabs++) {
    assert.ok(tabs < 200, `Tab never reaches ${selector}`);
    await browser.press("Tab");
  }
}

async function findNothing(browser: Browser, where: string): Promise<void> {
  assert.equal(await browser.evaluate(ALIEN), 0, where);
  assert.deepEqual(await browser.axe(), [], where);
  const beyond = await browser.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.ok(beyond <= 0, `${where} is ${beyond} px wider than the window`);
}

Deno.test({
  name:
    `strangers' texts are text on every page, at every width, in the dark, by keyboard${NO_BROWSER}`,
  ignore,
  async fn() {
    await using served = await serveConsole(TEXT);
    await using browser = startBrowser();
    for (const width of WIDTHS) {
      const look = (page: string) => findNothing(browser, `${page} ${width}`);
      // In the light: console_test.ts.
      await browser.open(`${served.url}/`, { width, scheme: "dark" });
      await browser.until(`document.querySelector("#link.live")`);
      served.finish(strange(TEXT));
      await browser.until(`document.querySelector("tr[data-id]")`);
      await look("requests");
      await tabTo(browser, "tr[data-id]");
      await browser.press("Enter");
      await browser.until(`document.querySelector(".detail .lanes")`);
      await tabTo(browser, ".detail .fold > summary");
      await browser.press("Enter");
      await look("request");
      await browser.press("Escape");
      for (const [key, title, isThere] of PAGES) {
        await browser.press("g", key);
        await browser.until(`document.querySelector(".page-title")?.textContent === "${title}"`);
        await browser.until(isThere);
        if (title === "Check") {
          await tabTo(browser, "#run");
          await browser.press("Enter");
          await browser.until(`/A MUST is not met/.test(document.body.textContent)`);
        }
        await look(title);
        if (title !== "Traces") continue;
        await tabTo(browser, "tbody a");
        await browser.press("Enter");
        await browser.until(`document.querySelector(".lanes")`);
        await tabTo(browser, ".fold > summary");
        await browser.press("Enter");
        await look("a trace");
      }
    }
  },
});

const ids = `[...document.querySelectorAll("tr[data-id]")].map((row) => row.dataset.id).join(" ")`;

Deno.test({
  name: `the list stands still, pins stay on top, and what was dropped is said${NO_BROWSER}`,
  ignore,
  async fn() {
    await using served = await serveConsole();
    await using browser = startBrowser();
    await browser.open(`${served.url}/`);
    await browser.until(`document.querySelector("#link.live")`);
    for (const request_id of ["one", "two"]) served.finish({ request_id });
    await browser.until(`${ids} === "two one"`);
    await browser.press("s");
    served.finish({ request_id: "three" });
    await browser.until(`/Go on .1./.test(document.querySelector("#pause").textContent)`);
    assert.equal(await browser.evaluate(ids), "two one");
    await browser.press("s");
    await browser.until(`${ids} === "three two one"`);
    await browser.press("j", "j", "j", "p");
    await browser.until(`${ids} === "one three two"`);
    served.finish({ request_id: "four" });
    await browser.until(`${ids} === "one four three two"`);
    await browser.press("p");
    await browser.until(`${ids} === "four three two one"`);
    // More at once than are kept.
    for (let at = 0; at < 5_000; at++) served.finish({ request_id: `flood-${at}` });
    await browser.until(
      `/changes\\s+were dropped/.test(document.querySelector(".warning")?.textContent)`,
    );
    const said = await browser.evaluate<string>(`document.querySelector(".warning").textContent`);
    // The four from before are told already; of the flood the newest 2,000 are kept.
    assert.equal(Number.parseInt(said), 3_000);
    await browser.until(`${ids}.startsWith("flood-4999 flood-4998")`);
    await tabTo(browser, ".warning button");
    await browser.press("Enter");
    await browser.until(`document.querySelector(".warning") === null`);
  },
});

Deno.test({
  name: `a hundred thousand requests leave a page that answers${NO_BROWSER}`,
  ignore,
  async fn() {
    await using served = await serveConsole();
    await using browser = startBrowser();
    await browser.open(`${served.url}/`);
    await browser.until(`document.querySelector("#link.live")`);
    for (let at = 0; at < 100_000; at++) {
      served.finish({ request_id: `n-${at}` });
      // A page that has no turn is told nothing.
      if (at % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await browser.until(`document.querySelector("tr[data-id='n-99999']")`);
    const { kept, drawn } = await browser.evaluate<{ kept: string; drawn: number }>(`({
      kept: document.querySelector("#filter-note").textContent.trim(),
      drawn: document.querySelectorAll("tr[data-id]").length,
    })`);
    assert.match(kept, /^2000 of 2000 requests$/);
    assert.ok(drawn <= 150, `${drawn} rows are drawn`);
    await browser.press("/");
    await browser.type("id:n-98765");
    await browser.until(`${ids} === "n-98765"`);
  },
});
