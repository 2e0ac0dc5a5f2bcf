/** Colours of the terminal. */
import type { Host, Output } from "./host.ts";

/** Colours that mean something, each a no-op where colour is off. */
export interface Style {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  notice(text: string): string;
}

/** SGR codes of ECMA-48, section 8.3.117: on, off. */
const CODES = { bold: [1, 22], dim: [2, 22], good: [32, 39], bad: [31, 39], notice: [33, 39] };

/** Colour only on a terminal, and not with NO_COLOR set to anything (https://no-color.org) or TERM=dumb. */
export function styleFor(output: Output, host: Pick<Host, "env">): Style {
  const enabled = output.isTerminal && !host.env("NO_COLOR") && host.env("TERM") !== "dumb";
  const paint = ([on, off]: number[]) => (text: string) =>
    enabled ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    enabled,
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    good: paint(CODES.good),
    bad: paint(CODES.bad),
    notice: paint(CODES.notice),
  };
}
