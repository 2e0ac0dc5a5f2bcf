/** The add-on `--transform`: steps on requests and answers, beside any profile without a processor of its own. */
import { fileOption, inSection, portOption } from "../../../options/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../../../service/mod.ts";
import type { AddOn, PortSpec } from "../../mod.ts";
import type { AddOnKind } from "../add_on_kind.ts";
import { TRANSFORM_CLUSTER, withTransform } from "./transform_config.ts";

/** Port of the transform processor. */
const TRANSFORM_PORT: PortSpec = {
  name: "transform",
  what: "the transform processor",
  default: DEFAULT_PORTS.transform,
  flag: "--transform-port",
};

/** Returns the place of a processor of steps: its port, its filter, its cluster. */
export function transformOverlay(): Omit<AddOn, "start"> {
  return {
    ports: [TRANSFORM_PORT],
    config: withTransform,
    overlay: (ports) => ({
      clusters: { [TRANSFORM_CLUSTER]: { host: "127.0.0.1", port: ports.transform ?? 0 } },
    }),
  };
}

/** Returns the add-on of a file with steps. */
export function transformAddOn(file: string, env: (name: string) => string | undefined): AddOn {
  return {
    ...transformOverlay(),
    async start({ ports, runDir, peerSecret, log }) {
      const { startTransform } = await loadModule<typeof import("../../../transform/mod.ts")>(
        "transform/mod.ts",
      );
      const transform = await startTransform({
        port: ports.transform ?? 0,
        file,
        peerSecret,
        storePath: `${runDir}/transform.sqlite`,
        env,
        log,
      });
      return {
        ports: { transform: transform.port },
        services: { transform: transform.address },
        metrics: [() => transform.metrics()],
        control: transform.control,
        shows: { lane: (requestId) => transform.passage(requestId) },
        welcome: () => [{
          label: "transform",
          text: `${transform.address}  ${transform.steps.join(", ")}`,
        }],
        [Symbol.asyncDispose]: () => transform[Symbol.asyncDispose](),
      };
    },
  };
}

const FLAGS = inSection("Transform (any profile without a processor of its own)", {
  transform: fileOption("--transform <FILE>", {
    description: "steps on requests and answers, reloaded on change: docs/transform.md",
  }),
  transformPort: portOption("--transform-port <PORT>", {
    description: "transform processor, gRPC ext_proc",
    default: TRANSFORM_PORT.default,
  }),
});

export const TRANSFORM: AddOnKind<typeof FLAGS> = {
  flags: FLAGS,
  bind: ({ transform }, { env }) =>
    Promise.resolve(transform === undefined ? undefined : transformAddOn(transform, env)),
};
