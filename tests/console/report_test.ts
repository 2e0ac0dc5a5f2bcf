/** The report's page in a browser: of a run that passes, of one that does not, and of both side by side. */
import assert from "node:assert/strict";
import { type Report, REPORT_FORMATS } from "../../conformance/mod.ts";
import { NO_BROWSER, startBrowser, WIDTHS } from "../testing/browser.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

/** Runs a part of the suite and returns its report. */
async function checked(...words: string[]): Promise<Report> {
  await using program = startProgram(["check", "--json", ...words], {
    env: { ENVOY_PATH: await envoyPath() },
  });
  return JSON.parse(await program.line());
}

Deno.test({
  name:
    `axe has nothing to say about a report, passing or failing, at any width, light or dark${NO_BROWSER}`,
  ignore: NO_BROWSER !== "",
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "llmgate-report-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const passing = await checked("--case", "sse.lockstep", "--case", "deny.default-403");
    const failing = structuredClone(passing);
    failing.summary.failed = 1;
    failing.conclusion = "1 of 2 MUST requirements that were measured are not met.";
    for (const one of failing.cases) {
      if (one.id !== "deny.default-403") continue;
      one.status = "fail";
      one.checks = [{ name: "status", ok: false, expected: 403, observed: 200 }];
      one.lint = [{
        rule: "policy.fail-open",
        fix: "set `failure_mode_allow: false`",
        place: "line 3, a/b",
      }];
    }
    const pages = { passing: [passing], failing: [failing], both: [passing, failing] };
    const browser = stack.use(startBrowser());
    for (const [name, reports] of Object.entries(pages)) {
      const file = `${folder}/${name}.html`;
      await Deno.writeTextFile(file, REPORT_FORMATS[".html"]?.(reports) ?? "");
      // Colours do not depend on the width.
      for (const scheme of ["light", "dark"] as const) {
        for (const width of scheme === "light" ? WIDTHS : [1280]) {
          await browser.open(`file://${file}`, { width, scheme });
          await browser.evaluate(
            `document.querySelectorAll("details").forEach((one) => one.open = true)`,
          );
          const where = `${name} ${width} ${scheme}`;
          assert.deepEqual(await browser.axe(), [], where);
          const beyond = await browser.evaluate<number>(
            "document.documentElement.scrollWidth - innerWidth",
          );
          assert.ok(beyond <= 0, `${where} is ${beyond} px too wide`);
        }
      }
    }
    // By keyboard: what failed is found, opened and left.
    await browser.open(`file://${folder}/failing.html`);
    await browser.press("/");
    await browser.type("deny.def");
    await browser.until(
      `[...document.querySelectorAll("details.case:not([hidden])")].length === 1`,
    );
    await browser.press("Escape", "j", "Enter");
    await browser.until(
      `document.querySelector("details.case > summary") === document.activeElement`,
    );
  },
});
