/**
 * Runs the program as it would run on a machine whose clock is being set: each reading of the system's time is some
 * milliseconds or an hour from the one before, forward or back, from the first line of the program on.
 */
const STEPS_MS = [40, -40, 3_600_000, -5, -3_600_000, 5];

let readings = 0;
const step = () => STEPS_MS[readings++ % STEPS_MS.length] ?? 0;

const systemTime = Date.now;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given: unknown[]) {
    super(...(given.length > 0 ? given : [Date.now()]) as [number]);
  }
  static override now(): number {
    return systemTime() + step();
  }
} as DateConstructor;
const { timeOrigin } = performance;
Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin + step() });

await import("../../main.ts");
