/** Describes the machine that is measured on. */
import os from "node:os";

/** The machine that the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly kernel: string;
  readonly deno: string;
  readonly load_before: number;
}

/** Returns a description of this machine. */
export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.cpus().length,
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.platform()} ${os.release()} ${os.arch()}`,
    deno: Deno.version.deno,
    load_before: os.loadavg()[0] ?? 0,
  };
}

/** Returns the resident memory of a process in MiB (Linux: VmRSS of proc(5); elsewhere `ps`). */
export async function residentMiB(pid: number): Promise<number> {
  if (Deno.build.os === "linux") {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", `${pid}`] })
    .output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
}

/** The most that a process ever had resident, in MiB; what it has now where the system does not say. */
export async function peakMiB(pid: number): Promise<number> {
  if (Deno.build.os !== "linux") return await residentMiB(pid);
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Clock ticks of proc(5) in a second: USER_HZ, which Linux has at 100 everywhere. */
const TICKS = 100;

/** Returns the CPU time that a process and its threads have had, in ms; not a number where the system does not say (Linux: stat of proc(5)). */
export async function cpuMs(pid: number): Promise<number> {
  if (Deno.build.os !== "linux") return Number.NaN;
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // Fields 14 and 15, counted behind the name, which may hold spaces.
  const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13)
    .map(Number);
  return (user + system) * 1_000 / TICKS;
}
