/** Periods as people write them: `15m`, `24h`, `30d`. */
import { UsageError } from "../service/mod.ts";

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Returns a period in milliseconds. Throws `UsageError` for a text that is none. */
export function spanOf(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const span = Number(number) * (UNITS[unit] ?? NaN);
  if (span > 0) return span;
  throw new UsageError(
    `Cannot read the period "${text}": expected a number and s, m, h or d, such as 24h`,
  );
}
