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
      t.equal(EVIL, 1, EVIL);
      return Promise.reject(new Awaited("event 2", EVIL));
    }));
  const report = await runSuite(fakeTarget().target, {
    cases: [made("a.passes", (t) => Promise.resolve(void t.equal("one", 1, 1))), ...broken],
    seed: 7,
  });
  const [first, second] = report.cases;
  if (first) first.timeline = { protocol: "h1", sent: [0, 10], received: [1, 12] };
  if (second) {
    second.trace = [
      { t: 0, witness: "client", text: EVIL },
      { t: 1.5, witness: "policy", text: "is asked" },
      { t: 2, witness: "upstream", text: "gets POST /" },
    ];
  }
  return report;
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

Deno.test("renderHtml() loads nothing: every link stays on the page, and the browser is told so", async () => {
  const html = renderHtml([await run()]);
  const bare = html.replaceAll("&lt;", "");
  assert.doesNotMatch(bare, /<(link|img|iframe|object|embed|base|form)\b/);
  assert.doesNotMatch(html, /@import|url\(|\bfetch\(|XMLHttpRequest|import\(/);
  for (const [, address] of bare.matchAll(/<[a-z][^>]*\s(?:href|src)="([^"]*)"/g)) {
    assert.match(address ?? "", /^#/);
  }
  assert.match(html, /http-equiv="Content-Security-Policy" content="default-src 'none';/);
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

Deno.test("renderHtml() says what a screen reader needs: language, headings, scopes, names", async () => {
  const html = renderHtml([await run()]);
  assert.match(html, /^<!doctype html>\n<html lang="en">/);
  const levels = tagsOf(html).filter((tag) => /^h\d$/.test(tag)).map((tag) => Number(tag[1]));
  assert.deepEqual([levels[0], Math.max(...levels)], [1, 2]);
  assert.doesNotMatch(html, /<th(?![^>]*\sscope=)[ >]/);
  for (const [svg] of html.matchAll(/<svg[^>]*>/g)) assert.match(svg, /role="img" aria-label="/);
  // What scrolls sideways can be reached by the keyboard.
  for (const [region] of html.matchAll(/<div class="scroll" role[^>]*>/g)) {
    assert.match(region, /tabindex="0"/);
  }
});

Deno.test("renderHtml() puts the witnesses of a finding side by side", async () => {
  const html = renderHtml([await run()]);
  const table = /<table class="trace">[\s\S]*?<\/table>/.exec(html)?.[0] ?? "";
  const heads = [...table.matchAll(/<th scope="col"[^>]*>([a-z]+)</g)].map(([, name]) => name);
  assert.deepEqual(heads, ["ms", "client", "policy", "upstream"]);
  assert.ok(
    table.includes(
      '<tr><td class="t">1.50</td><td></td><td class="policy">is asked</td><td></td></tr>',
    ),
  );
});

Deno.test("renderHtml() opens few findings, and closes many", async () => {
  const opened = (html: string) => html.match(/<details class="finding" id="b-[^>]* open/g)?.length;
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
