import type { Policy } from "../policy/mod.ts";
import type { Responses } from "../responses/mod.ts";
import type { Router } from "../router/mod.ts";
import { loadModule } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import type { BackendPool } from "./backend_pool.ts";

/** The harness's own listener: health, metrics, journals, and the mock's control plane. */
export interface ControlServer extends AsyncDisposable {
  /** `http://127.0.0.1:9003` */
  readonly url: string;
  readonly port: number;
}

/** Options of `startControl`. */
export interface ControlOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly policy: Policy | undefined;
  readonly upstream: Upstream | undefined;
  readonly router?: Router | undefined;
  readonly responses?: Responses | undefined;
  /** The mock backends of the router. */
  readonly pool?: BackendPool | undefined;
}

/**
 * Starts the control listener. It stands apart from the data ports, so that nothing a client can
 * reach through the gateway steers the mock or reads a journal, and behind the guard, so that no web page does. Resolves
 * when it listens.
 */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const { guardedControlApp } = await loadModule<typeof import("./control_app.ts")>(
    "gateway/control_app.ts",
  );
  const server = Deno.serve(
    { hostname: options.host, port: options.port, onListen: () => {} },
    guardedControlApp(options),
  );
  const { port } = server.addr;
  return {
    url: `http://${options.host}:${port}`,
    port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
