/** An Envoy that can be replaced by another one while its streams run: Envoy's hot restart. */
import { join } from "node:path";
import type { ExitStatus } from "../service/mod.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from "./start.ts";

/** Numbers of regions of shared memory, of which Envoy takes ten from the one that it is given. */
const BASE_IDS = 100_000_000;

/** Removes the shared memory of these Envoys: none of them does. Linux has it as a file; elsewhere it goes by itself. */
async function removeSharedMemory(baseId: number): Promise<void> {
  await Deno.remove(`/dev/shm/envoy_shared_memory_${baseId * 10}`).catch(() => {});
}

/** Starts the first Envoy. Throws as {@linkcode startEnvoy} does. */
export async function startRestartableEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const baseId = 1 + (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % BASE_IDS;
  const first = await startEnvoy({ ...options, generation: { baseId, epoch: 0 } });
  const over = Promise.withResolvers<ExitStatus>();
  const before: RunningEnvoy[] = [];
  let current = first;
  const follow = (envoy: RunningEnvoy) =>
    void envoy.exited.then((status) => {
      // The end of one that was replaced is as it should be.
      if (envoy === current) over.resolve(status);
    }, over.reject);
  follow(first);
  const restart = async (file: EnvoyConfigFile) => {
    const epoch = before.length + 1;
    const runDir = join(options.runDir, `epoch-${epoch}`);
    await Deno.mkdir(runDir, { recursive: true, mode: 0o700 });
    const next = await startEnvoy({
      ...options,
      config: file,
      runDir,
      overlay: {
        ...options.overlay,
        adminPort: current.admin.port,
        // Those that follow another one take its address.
        listeners: Object.fromEntries(
          Object.keys(options.overlay.listeners ?? {}).flatMap((name) => {
            const place = current.listeners.get(name);
            return place === undefined ? [] : [[name, place]];
          }),
        ),
      },
      generation: { baseId, epoch },
    });
    before.push(current);
    current = next;
    follow(next);
  };
  const stop: RunningEnvoy["stop"] = async (how) => {
    const status = await current.stop(how);
    await Promise.all(before.map((one) => one.stop({ graceMs: 0 })));
    await removeSharedMemory(baseId);
    return status;
  };
  return {
    ...first,
    get pid() {
      return current.pid;
    },
    get admin() {
      return current.admin;
    },
    get launched() {
      return current.launched;
    },
    get change() {
      return current.change;
    },
    exited: over.promise,
    lastLog: (lines) => current.lastLog(lines),
    saveEvidence: () => current.saveEvidence(),
    restart,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
