/** A real browser in a test: Chromium, steered by playwright-core, judged by axe. */
import { npmProgram } from "../../service/testing/npm_program.ts";
import { chromiumPath } from "../attack/chromium.ts";
import { TextLineStream } from "./text_line_stream.ts";

/** End of a test's title where there is no browser; empty where there is one. */
export const NO_BROWSER = chromiumPath() === undefined
  ? " (skipped: no Chromium here, and no CHROMIUM_PATH)"
  : "";

/** One rule of axe that a page breaks. */
export interface AxeFinding {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly string[];
}

/** Sizes that pages are looked at. */
export const WIDTHS = [390, 800, 1280] as const;

/** A browser with one page. Each call rejects when the page threw an error or opened a dialog meanwhile. */
export interface Browser extends AsyncDisposable {
  /** Opens a page of its own, with nothing of the one before. */
  open(url: string, view?: { width?: number; scheme?: "light" | "dark" }): Promise<void>;
  /** Goes elsewhere on the same page. */
  go(url: string): Promise<void>;
  /** Presses keys one after the other: `j`, `Enter`, `Control+a`. */
  press(...keys: string[]): Promise<void>;
  type(text: string): Promise<void>;
  /** Returns the value of an expression in the page. */
  evaluate<T>(script: string): Promise<T>;
  /** Resolves as soon as an expression in the page is true; rejects after two minutes. */
  until(script: string): Promise<void>;
  axe(): Promise<AxeFinding[]>;
  shot(path: string, options?: { whole?: boolean }): Promise<void>;
}

/** Starts Chromium and resolves when it can be steered. */
export function startBrowser(): Browser {
  const child = npmProgram("browser.ts", { args: [chromiumPath() ?? ""], stdin: "piped" }).spawn();
  const words = child.stdin.getWriter();
  const answers = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const stderr = new Response(child.stderr).text();
  const ask = async (name: string, given: object = {}): Promise<unknown> => {
    await words.write(new TextEncoder().encode(`${JSON.stringify({ ...given, name })}\n`));
    const { value, done } = await answers.read();
    if (done) throw new Error(`The browser ended: ${await stderr}`);
    const { failed, errors, value: answer } = JSON.parse(value);
    if (failed !== undefined) throw new Error(`${name}: ${failed}`);
    if (errors.length > 0) throw new Error(`The page failed: ${errors.join("; ")}`);
    return answer;
  };
  return {
    async open(url, { width = 1280, scheme = "light" } = {}) {
      await ask("open", { url, width, height: 900, scheme });
    },
    go: async (url) => void await ask("go", { url }),
    press: async (...keys) => void await ask("keys", { keys }),
    type: async (text) => void await ask("type", { text }),
    evaluate: async <T>(script: string) => await ask("evaluate", { script }) as T,
    until: async (script) => void await ask("until", { script }),
    axe: async () => await ask("axe") as AxeFinding[],
    shot: async (path, options) => void await ask("shot", { path, ...options }),
    async [Symbol.asyncDispose]() {
      await words.close().catch(() => {});
      await child.status;
      await answers.cancel();
      await stderr;
    },
  };
}
