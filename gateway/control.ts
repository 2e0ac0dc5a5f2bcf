/** The control listener of the harness. */
import type { Console } from "../console/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { loadModule } from "../service/mod.ts";
import type { ControlledUpstream, Upstream } from "../upstream/mod.ts";

/** The harness's own listener: health, metrics, journals, and the mock's control plane. */
export interface ControlServer extends AsyncDisposable {
  /** `http://127.0.0.1:9003` */
  readonly url: string;
  readonly port: number;
}

/** Handlers by path. */
export type ControlPaths = Readonly<
  Record<string, (request: Request) => Response | Promise<Response>>
>;

/** The parts that the control listener reports on and steers. */
export interface ControlledParts {
  readonly policy?: Policy | undefined;
  /** The mocks as one: its journal is shown and its scripts are set. */
  readonly upstream?: ControlledUpstream | undefined;
  /** The mocks, each with metrics and a journal of its own. */
  readonly backends?: readonly Upstream[];
  /** Further paths; one that ends with `*` is all below it. */
  readonly paths?: ControlPaths | undefined;
  /** Loads the page of requests; the first request for it does. */
  readonly console?: (() => Promise<Pick<Console, "handle">>) | undefined;
  /** Metrics of further parts, in the Prometheus text format. */
  readonly metrics?: readonly (() => Promise<string>)[];
}

/** Options of `startControl`. */
export interface ControlOptions extends ControlledParts {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * Starts the control listener. It stands apart from the data ports, so that nothing a client can
 * reach through the gateway steers the mock or reads a journal, and behind the guard, so that no web page does. Resolves
 * when it listens.
 */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const { serveControl } = await loadModule<typeof import("./control_app.ts")>(
    "gateway/control_app.ts",
  );
  return serveControl(options);
}
