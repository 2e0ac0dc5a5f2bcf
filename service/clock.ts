/**
 * Returns monotonic milliseconds, with a fraction. Every journal of a process uses this one clock,
 * so that times of different witnesses can be compared.
 */
export function now(): number {
  return performance.now();
}
