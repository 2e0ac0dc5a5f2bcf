/** The add-on `--tap`: copies of what passes, for the console to show, beside any profile. */
import { flagOption, inSection, portOption } from "../../../options/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../../../service/mod.ts";
import type { AddOn, PortSpec } from "../../mod.ts";
import type { AddOnKind } from "../add_on_kind.ts";
import { TAP_CLUSTER, withTap } from "./tap_config.ts";

/** Port of the tap. */
const TAP_PORT: PortSpec = {
  name: "tap",
  what: "the tap",
  default: DEFAULT_PORTS.tap,
  flag: "--tap-port",
};

/** Returns the add-on. */
export function tapAddOn(): AddOn {
  return {
    ports: [TAP_PORT],
    config: withTap,
    overlay: (ports) => ({
      clusters: { [TAP_CLUSTER]: { host: "127.0.0.1", port: ports.tap ?? 0 } },
    }),
    async start({ ports, peerSecret, log }) {
      const { startTap } = await loadModule<typeof import("../../../tap/mod.ts")>("tap/mod.ts");
      const tap = await startTap({ port: ports.tap ?? 0, peerSecret, log });
      return {
        ports: { tap: tap.port },
        services: { tap: tap.address },
        metrics: [() => tap.metrics()],
        shows: { tap },
        welcome: () => [{
          label: "tap",
          text: `${tap.address}  bodies are shown in the console, and kept in memory`,
        }],
        [Symbol.asyncDispose]: () => tap[Symbol.asyncDispose](),
      };
    },
  };
}

const FLAGS = inSection("Tap (any profile)", {
  tap: flagOption("--tap", {
    description: "show bodies and events in the console; nothing waits for it",
  }),
  tapPort: portOption("--tap-port <PORT>", {
    description: "tap, gRPC ext_proc in observability mode",
    default: TAP_PORT.default,
  }),
});

export const TAP: AddOnKind<typeof FLAGS> = {
  flags: FLAGS,
  bind: ({ tap }) => Promise.resolve(tap === true ? tapAddOn() : undefined),
};
