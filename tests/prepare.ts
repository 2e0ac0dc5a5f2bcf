// deno-lint-ignore-file no-console -- a program of its own
/**
 * Gets and builds beforehand what tests get when they first need it. `.ci/run` starts it at once, beside steps that wait
 * for the network or use one core. Nothing depends on it: a test that comes earlier waits for it, or gets the thing
 * itself, and says what is wrong.
 */
import { buildTwins, canBuildTwins } from "../scripts/bench/twins.ts";
import { findPostgres } from "../responses/testing/postgres_server.ts";
import { PYTHON_ENVIRONMENTS, pythonOf } from "./clients/python_venv.ts";
import { GO_PROGRAMS, goProgram, hasGo } from "./testing/go_program.ts";
import { envoyPath, OLDER_ENVOY } from "./testing/stack.ts";

const PARTS: Readonly<Record<string, () => Promise<unknown>>> = {
  "Envoy": () => envoyPath(),
  [`Envoy ${OLDER_ENVOY}`]: () => envoyPath(OLDER_ENVOY),
  ...Object.fromEntries(
    PYTHON_ENVIRONMENTS.map((name) => [`Python packages: ${name}`, () => pythonOf(name)]),
  ),
  ...Object.fromEntries(
    (hasGo ? GO_PROGRAMS : []).map((name) => [`${name} (Go)`, () => goProgram(name)]),
  ),
  "PostgreSQL": () => findPostgres(),
  "twins in Go": async () => {
    if (await canBuildTwins()) await buildTwins();
  },
};

if (import.meta.main) {
  for (const [what, make] of Object.entries(PARTS)) {
    const started = performance.now();
    const said = await make().then(() => "ready", (error: Error) => `not now: ${error.message}`);
    console.log(`${what}: ${said}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}
