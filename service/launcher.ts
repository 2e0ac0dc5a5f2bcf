/** Notices when the program that launched this one is gone. */
import process from "node:process";
import { delay } from "./deadline.ts";

/** How often the launchers are looked at, in milliseconds. */
const POLL_MS = 200;

/**
 * Prints the process id and the command line of every process above `$1`, one line each, nearest
 * first. A shell reads /proc, because this program may not: that needs every permission of the
 * runtime, and the ones that are not needed were given up. macOS has no /proc, but `ps`.
 */
const ANCESTORS = `
pid=$1
while [ "$pid" -gt 1 ]; do
  if [ -r "/proc/$pid/stat" ]; then
    read -r stat <"/proc/$pid/stat" || exit 0
    words=$(tr '\\0' ' ' <"/proc/$pid/cmdline")
    set -- \${stat##*)}
    parent=$2
  else
    parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
    words=$(ps -o command= -p "$pid")
  fi
  printf '%s %s\\n' "$pid" "$words"
  pid=\${parent:-1}
done
`;

interface Launcher {
  readonly pid: number;
  readonly command: string;
}

/**
 * Watches the `npx`, `npm`, `deno task` and `sh -c` processes above us and calls `onLost` once when
 * one of them is gone. A killed launcher does not end its children by itself, so without this a
 * gateway could stay behind, holding its ports. Blocks until `signal` aborts or one was lost.
 * Needs the permission to run programs; returns at once on Windows.
 */
export async function watchLaunchers(
  signal: AbortSignal,
  onLost: (command: string) => void,
): Promise<void> {
  if (Deno.build.os === "windows") return;
  const parent = Deno.ppid;
  const launchers = await findLaunchers(parent);
  if (launchers.length === 0) return;
  while (!signal.aborted) {
    const lost = Deno.ppid !== parent
      ? launchers[0]
      : launchers.find((launcher) => !isAlive(launcher.pid));
    if (lost) return onLost(lost.command);
    await delay(POLL_MS, signal).catch(() => {});
  }
}

/** Returns whether a command line is one of those that only start another program for the user. */
export function isLauncher(command: string): boolean {
  const [path = "", ...words] = command.split(" ");
  const program = path.split("/").at(-1) ?? "";
  // npm puts its own words in place of its command line.
  if (program === "npm" || program === "npx") return true;
  // Of a package, `llmgate` itself is a program of Node that starts Deno.
  if (program === "node") return /(^|\/)(npx|npm|deno|llmgate)[^/]*$/.test(words[0] ?? "");
  if (program.startsWith("deno")) return words.find((word) => !word.startsWith("-")) === "task";
  return /^(ba|da|z)?sh$/.test(program) && words[0] === "-c" && /\b(deno|llmgate)\b/.test(command);
}

async function findLaunchers(parent: number): Promise<Launcher[]> {
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", ANCESTORS, "llmgate-ancestors", String(parent)],
    stderr: "null",
  }).output();
  const found: Launcher[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const match = /^(\d+) (.*)$/.exec(line.trim());
    if (match === null || !isLauncher(match[2] ?? "")) break;
    found.push({ pid: Number(match[1]), command: match[2] ?? "" });
  }
  return found;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
