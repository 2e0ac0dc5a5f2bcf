/**
 * A browser that a test steers: one JSON command a line on standard input, one JSON answer a line on standard output.
 * Chromium's path is the only argument.
 */
import axe from "axe-core";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Commands, each with what it takes. */
interface Commands {
  open: { url: string; width: number; height: number; scheme: "light" | "dark" };
  go: { url: string };
  keys: { keys: string[] };
  type: { text: string };
  evaluate: { script: string };
  until: { script: string };
  axe: Record<string, never>;
  shot: { path: string; whole?: boolean };
}

/** Longer than a busy machine needs; what is right never waits for it. */
const PATIENCE_MS = 120_000;

const browser = await chromium.launch({
  executablePath: Deno.args[0] ?? "",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
let page: Page | undefined;
const errors: string[] = [];

function shown(): Page {
  if (page === undefined) throw new Error("No page is open");
  return page;
}

const RUN: { [Name in keyof Commands]: (given: Commands[Name]) => Promise<unknown> } = {
  async open({ url, width, height, scheme }) {
    await page?.context().close();
    const options: BrowserContextOptions = { viewport: { width, height }, colorScheme: scheme };
    page = await (await browser.newContext(options)).newPage();
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("dialog", (dialog) => {
      errors.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(url, { timeout: PATIENCE_MS });
  },
  go: ({ url }) => shown().goto(url),
  async keys({ keys }) {
    for (const key of keys) await shown().keyboard.press(key);
  },
  type: ({ text }) => shown().keyboard.type(text),
  evaluate: ({ script }) => shown().evaluate(script),
  async until({ script }) {
    // Polled here and not by a function in the page: its policy would not let that be made of a text.
    for (const deadline = Date.now() + PATIENCE_MS; !await shown().evaluate(script);) {
      if (Date.now() > deadline) throw new Error(`Not true after two minutes: ${script}`);
      await shown().waitForTimeout(10);
    }
  },
  async axe() {
    // Given as text, so that no policy of the page is in its way.
    await shown().evaluate(axe.source);
    const { violations } = await shown().evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run()
    );
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 5).map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
    }));
  },
  async shot({ path, whole }) {
    await shown().screenshot({ path, fullPage: whole ?? false });
  },
};

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let rest = "";
for await (const text of lines) {
  const parts = (rest + text).split("\n");
  rest = parts.pop() ?? "";
  for (const line of parts) {
    const { name, ...given } = JSON.parse(line);
    let answer: object;
    try {
      const value = await RUN[name as keyof Commands](given as never);
      answer = { value: name === "go" ? null : value ?? null, errors: errors.splice(0) };
    } catch (error) {
      answer = { failed: String(error), errors: errors.splice(0) };
    }
    console.log(JSON.stringify(answer));
  }
}
await browser.close();
