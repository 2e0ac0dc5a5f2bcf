/** The windows that limits count in: fixed, aligned to UTC, so that every replica and restart agrees. */

/** Units of a limit, by their length. */
export const UNITS = ["second", "minute", "hour", "day", "month"] as const;

/** Windows that limits are counted per. */
export type Unit = typeof UNITS[number];

/** One window of a unit: from `start` up to `end`, in milliseconds since 1970. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

const LENGTHS_MS: Readonly<Record<Exclude<Unit, "month">, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** Returns the window that `now` lies in: whole seconds to days since 1970, or the calendar month. */
export function windowAt(unit: Unit, now: number): Window {
  if (unit === "month") {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  }
  const length = LENGTHS_MS[unit];
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

/**
 * Returns a duration as OpenAI's `x-ratelimit-reset-*` headers write it: `6m0s`, `1s`, `20ms`
 * (API guide, "Rate limits in headers").
 */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const text = `${seconds % 60}s`;
  return hours > 0 ? `${hours}h${minutes}m${text}` : minutes > 0 ? `${minutes}m${text}` : text;
}
