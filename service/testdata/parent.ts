/** Starts a child, prints its process id, and waits to be killed. */
import { startProcess } from "../process.ts";

const child = await startProcess({
  command: "sleep",
  args: ["600"],
  stdout: "null",
  stderr: "null",
});
await Deno.stdout.write(new TextEncoder().encode(`${child.pid}\n`));
await child.exited;
