/** Runs a command, passes SIGINT on to it as `npx` above `deno task` does, once for each, and ends as it ends. */
const HOP_MS = 20;

const [command = "", ...args] = Deno.args;
const child = new Deno.Command(command, { args }).spawn();
Deno.addSignalListener("SIGINT", () => {
  child.kill("SIGINT");
  // Later, so that the system does not make one of both.
  setTimeout(() => child.kill("SIGINT"), HOP_MS);
});
Deno.exit((await child.status).code);
