import type { Responses, ResponsesConfig, Secrets } from "../responses/mod.ts";
import { loadModule, type Log } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";

/** The Responses gateway of a profile that has one, and the model server that it asks. */
export interface AnsweringOptions {
  /** What its file says, but for the ports; the defaults when left out. */
  readonly config?: ResponsesConfig;
  /** Base URL of a model server in place of the mock upstream: `http://127.0.0.1:11434/v1`. */
  readonly modelEndpoint?: string;
  /** The model server's key, and the like. */
  readonly secrets?: Secrets;
  /** Folder that keeps store and files; the run directory, which goes with the run, when left out. */
  readonly dataDir?: string;
}

/** What of the gateway's options it needs too. */
export interface AnsweringPlace {
  readonly ports: { readonly http: number; readonly extproc: number };
  readonly runDir: string;
  /** The mock, where no model server is named. */
  readonly upstream: Promise<Upstream | undefined>;
  readonly log: Log;
}

/**
 * Starts the Responses gateway.
 *
 * @throws {UnavailableError} when a port is taken, or the store cannot be opened
 */
export async function startAnswering(
  options: AnsweringOptions,
  place: AnsweringPlace,
): Promise<Responses> {
  const { defaultConfig, startResponses } = await loadModule<
    typeof import("../responses/mod.ts")
  >("responses/mod.ts");
  const given = options.config ?? defaultConfig();
  const mock = await place.upstream;
  const endpoint = mock === undefined ? options.modelEndpoint : `${mock.url}/v1`;
  const { http, extproc } = place.ports;
  return await startResponses({
    config: {
      ...given,
      http: { ...given.http, port: http },
      extproc: { ...given.extproc, port: extproc },
      engine: {
        ...given.engine,
        ...(endpoint === undefined ? {} : { model_endpoint: endpoint }),
      },
    },
    dataDir: options.dataDir ?? `${place.runDir}/responses`,
    log: place.log,
    ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
  });
}
