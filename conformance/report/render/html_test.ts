import assert from "node:assert/strict";
import type { Case } from "../../case.ts";
import type { Report } from "../report.ts";
import { runSuite } from "../../run/runner.ts";
import { fakeTarget } from "../../testing/fake_target.ts";
import { Awaited } from "../../verdict/verdict.ts";
import { renderHtml } from "./html.ts";

const EVIL = `<img src=x onerror="alert(1)"> & 'so on' </script>`;

function made(id: string, run: Case["run"]): Case {
  return { id, level: "must", control: "none", requirement: EVIL, source: "s", run };
}

/** A run with a case of each kind that the page draws. */
async function run(failures = 1): Promise<Report> {
  const broken = Array.from({ length: failures }, (_, n) =>
    made(`b.broken-${n}`, (t) => {
      t.equal(EVIL, "x-tenant: a", "x-tenant: evil");
      return Promise.reject(new Awaited("event 2", EVIL));
    }));
  const report = await runSuite(fakeTarget().target, {
    cases: [made("a.passes", (t) => Promise.resolve(void t.equal("one", 1, 1))), ...broken],
    seed: 7,
  });
  const [first, second] = report.cases;
  if (first) first.timeline = { protocol: "h1", sent: [0, 10], received: [1, 12] };
  if (second) {
    second.lint = [{ rule: "edge.x", fix: `set \`x: ${EVIL}\``, found: EVIL, place: "line 1" }];
    second.trace = [
      { t: 0, witness: "client", text: "sends POST /" },
      { t: 1, witness: "policy", text: "answers deny 403" },
      { t: 1.5, witness: "upstream", text: `gets POST /${EVIL}` },
      { t: 2, witness: "upstream", text: "sends event 1" },
      { t: 3, witness: "upstream", text: "sends event 2" },
      {
        t: 4,
        witness: "envoy",
        text: 'logs {"status":200,"codeDetails":"via_upstream","flags":"DC"}',
      },
    ];
  }
  return report;
}

/** The page with each run of spaces as one: where lines are broken means nothing. */
function flat(html: string): string {
  return html.replace(/\s+/g, " ");
}

/** The tags of a page, in order; script, style and what closes itself left out. */
function tagsOf(html: string): string[] {
  const bare = html.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "");
  return [...bare.matchAll(/<(\/?[a-z][a-z0-9]*)\b[^>]*(?<!\/)>/g)].map(([, tag]) => tag ?? "");
}

const VOID = new Set(["meta", "input", "br"]);

Deno.test("renderHtml() makes a well-formed page: every element that opens is closed in order", async () => {
  const open: string[] = [];
  for (const tag of tagsOf(renderHtml([await run(), await run()]))) {
    if (VOID.has(tag)) continue;
    if (!tag.startsWith("/")) open.push(tag);
    else assert.equal(open.pop(), tag.slice(1));
  }
  assert.deepEqual(open, []);
});

Deno.test("renderHtml() loads nothing, and lets the browser run its own style and script alone", async () => {
  const html = renderHtml([await run()]);
  const bare = html.replaceAll("&lt;", "");
  assert.doesNotMatch(bare, /<(link|img|iframe|object|embed|base|form)\b/);
  assert.doesNotMatch(html, /@import|url\(|\bfetch\(|XMLHttpRequest|import\(/);
  for (const [, address] of bare.matchAll(/<[a-z][^>]*\s(?:href|src)="([^"]*)"/g)) {
    assert.match(address ?? "", /^#/);
  }
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
  assert.match(policy, /^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'$/);
  for (const tag of ["style", "script"]) {
    const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    assert.ok(policy.includes(`${tag}-src 'sha256-${new Uint8Array(digest).toBase64()}'`), tag);
  }
  assert.doesNotMatch(bare, /<[a-z][^>]*\sstyle=/);
});

Deno.test("renderHtml() has unique ids, and every link leads to one", async () => {
  const html = renderHtml([await run(), await run()]);
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  assert.ok(links.includes("b-broken-0-0") && links.includes("b-broken-0-1"));
  assert.deepEqual(links.filter((link) => !ids.includes(link)), []);
});

Deno.test("renderHtml() shows what a gateway said as text, never as markup", async () => {
  const html = renderHtml([await run()]);
  assert.ok(!html.includes("<img"));
  assert.equal(html.split("</script>").length, 2);
  assert.ok(html.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; "));
});

Deno.test("renderHtml() opens on the verdict, then a grid of groups, then what did not pass", async () => {
  const html = renderHtml([await run()]);
  const at = (text: string) => html.indexOf(text);
  const order = [
    'class="sentence"',
    'class="grid"',
    'id="findings"',
    'id="b-broken-0-0"',
    'id="streams"',
    'id="cases"',
    'id="a-passes-0"',
    'class="run"',
  ].map(at);
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert.ok(order.every((place) => place > 0));
});

Deno.test("renderHtml() marks what differs first: between the witnesses, and in the values", async () => {
  const html = flat(renderHtml([await run()]));
  assert.match(
    html,
    /First difference:<\/b> Policy denied, and the upstream got the request all the same/,
  );
  assert.equal(html.match(/<tr class="marked">/g)?.length, 2);
  assert.match(html, /x-tenant: <mark>evil<\/mark>/);
  assert.match(html, /Lint rule <code>edge\.x<\/code>/);
});

Deno.test("renderHtml() folds what a witness says in a row, and Envoy's line to what decides", async () => {
  const html = flat(renderHtml([await run()]));
  assert.match(html, /sends event 1\s*<span class="soft">× 2<\/span>/);
  assert.match(html, /logs status 200, via_upstream, flags DC/);
});

Deno.test("renderHtml() says how late the events of each stream came", async () => {
  assert.match(
    flat(renderHtml([await run()])),
    /<b>2 ms<\/b> <span class="soft">late at the median, 2 ms at most/,
  );
});

Deno.test("renderHtml() puts several runs side by side, those cases first on which they differ", async () => {
  const [one, two] = [await run(), await run()];
  const [first] = two.cases;
  if (first) first.status = "fail";
  const table = /<table class="sides">[\s\S]*?<\/table>/.exec(renderHtml([one, two]))?.[0] ?? "";
  assert.match(table, /a\.passes/);
  assert.doesNotMatch(table, /b\.broken/);
  assert.match(table, />passed<[\s\S]*>failed</);
});

Deno.test("renderHtml() says what a screen reader needs: language, headings, scopes, names", async () => {
  const html = renderHtml([await run()]);
  assert.match(html, /^<!doctype html>\s*<html lang="en">/);
  const levels = tagsOf(html).filter((tag) => /^h\d$/.test(tag)).map((tag) => Number(tag[1]));
  assert.deepEqual([levels[0], Math.max(...levels)], [1, 3]);
  assert.doesNotMatch(html, /<th(?![^>]*\sscope=)[ >]/);
  for (const [lanes] of html.matchAll(/<div class="lanes"[^>]*>/g)) {
    assert.match(lanes, /role="img" aria-label="/);
  }
  // What scrolls sideways can be reached by the keyboard.
  for (const [region] of html.matchAll(/<div class="scroll"[^>]*>/g)) {
    assert.match(region, /tabindex="0"/);
  }
});

Deno.test("renderHtml() opens few findings, and closes many", async () => {
  const opened = (html: string) => html.match(/<details class="case" id="b-[^>]* open/g)?.length;
  assert.equal(opened(renderHtml([await run(3)])), 3);
  assert.equal(opened(renderHtml([await run(30)])), undefined);
});

Deno.test("renderHtml() is readable in the dark, narrow, and on paper", async () => {
  const style = /<style>([\s\S]*?)<\/style>/.exec(renderHtml([await run()]))?.[1] ?? "";
  assert.match(style, /color-scheme: light dark;/);
  assert.match(style, /@media \(width < 44rem\)/);
  assert.match(style, /@media print \{\s*:root \{\s*color-scheme: light;/);
  // A colour that is named outside of light-dark() would be the same in both.
  const plain = style.replace(/light-dark\([^)]*\)/g, "");
  assert.doesNotMatch(plain, /#[0-9a-f]{3,6}\b/i);
});
