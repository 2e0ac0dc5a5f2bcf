/** The flags of the Responses gateway, and what they describe. */
import type { GatewayOptions, GatewayPorts } from "../gateway/mod.ts";
import { defined, loadModule, UsageError } from "../service/mod.ts";
import type { StartOptions } from "./gateway_options.ts";
import type { Host } from "./host.ts";
import { fileOption, urlOption } from "../options/mod.ts";

/** The Responses gateway: its file, and the model server that it asks. */
export const RESPONSES_OPTIONS = {
  config: fileOption("--config <FILE>", {
    description: "extproc-config.yaml of the Responses gateway: docs/responses.md",
  }),
  modelEndpoint: urlOption("--model-endpoint <URL>", {
    description: "Chat Completions server of the Responses gateway, its /v1 included",
  }),
};

/**
 * The Responses gateway that the flags describe, with its ports; none in another profile.
 *
 * @throws {UsageError} for flags that do not go together, or a file that cannot be used
 */
export async function answeringOf(
  options: StartOptions,
  { ports, host }: { ports: GatewayPorts; host: Host },
): Promise<Pick<GatewayOptions, "answering"> & { ports?: GatewayPorts }> {
  const { config: file, modelEndpoint } = options;
  if (options.profile !== "responses") {
    if (file === undefined && modelEndpoint === undefined) return {};
    throw new UsageError(
      `Cannot use --config or --model-endpoint with the profile "${
        options.profile ?? "base"
      }": they need --profile responses`,
    );
  }
  if (file === undefined) return { answering: { ...defined({ modelEndpoint }) } };
  // Loaded here, so that the other profiles start without it.
  const { readConfig, secretsOf } = await loadModule<typeof import("../responses/mod.ts")>(
    "responses/mod.ts",
  );
  const config = await readConfig(file);
  return {
    answering: {
      config,
      modelEndpoint: modelEndpoint ?? config.engine.model_endpoint,
      secrets: secretsOf(config, (name) => host.env(name)),
    },
    // Picked by the system for checks and tests, whatever the file says.
    ...(options.ports === undefined
      ? { ports: { ...ports, responses: config.http.port, extproc: config.extproc.port } }
      : {}),
  };
}
