/** The profile `responses` as the assembly takes it: its options, its part, and where Envoy finds them. */
import { bundledConfig } from "../../../envoy/mod.ts";
import type { Responses, ResponsesConfig, Secrets } from "../../../responses/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../../../service/mod.ts";
import { type Part, type PortSpec, type Profile, UPSTREAM_PORT } from "../../mod.ts";

/** The Responses gateway of a profile, and the model server that it asks. */
export interface ResponsesPartOptions {
  /** Its configuration, but for the ports; the defaults when left out. */
  readonly config?: ResponsesConfig;
  /** Base URL of a model server in place of the mock upstream: `http://127.0.0.1:11434/v1`. */
  readonly modelEndpoint?: string;
  /** The model server's key, and the like. */
  readonly secrets?: Secrets;
  /** Folder that keeps store and files; the run directory, which goes with the run, when left out. */
  readonly dataDir?: string;
}

/** A running Responses gateway. */
export interface ResponsesPart extends Part {
  readonly responses: Responses;
}

/** Ports of the Responses gateway: its HTTP server, and its processor. */
export const RESPONSES_PORTS: readonly PortSpec[] = [
  {
    name: "responses",
    what: "the Responses gateway's HTTP server",
    default: DEFAULT_PORTS.responses,
    flag: "--responses-port",
  },
  {
    name: "extproc",
    what: "the Responses gateway's processor",
    default: DEFAULT_PORTS.extproc,
    flag: "--extproc-port",
  },
];

/** Clusters of the HTTP server and the processor in `envoy/configs/responses.yaml`. */
export const HTTP_CLUSTER = "responses_http";
export const PROCESSOR_CLUSTER = "responses_extproc";

/** Returns the profile `responses`: policy and the OpenAI Responses gateway in front of one model server. */
export function responsesProfile(options: ResponsesPartOptions = {}): Profile<ResponsesPart> {
  const at = (port = 0) => ({ host: "127.0.0.1", port });
  return {
    name: "responses",
    // The program's own: from Envoy, to the model server, and at the mock.
    filesPerStream: 3,
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: HTTP_CLUSTER,
    config: (own = bundledConfig("responses")) => own,
    ports: [...RESPONSES_PORTS, ...(options.modelEndpoint === undefined ? [UPSTREAM_PORT] : [])],
    overlay: ({ responses, extproc }) => ({
      clusters: { [HTTP_CLUSTER]: at(responses), [PROCESSOR_CLUSTER]: at(extproc) },
    }),
    async start(place) {
      const { startResponsesPart } = await loadModule<typeof import("./responses_part.ts")>(
        "gateway/profiles/responses/responses_part.ts",
      );
      return await startResponsesPart(options, place);
    },
  };
}
