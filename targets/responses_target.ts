/** The Responses profile as a target of the suite: its model is our upstream, under the scripts of the cases. */
import type { Target } from "../conformance/mod.ts";
import { loadModule, NONCE_HEADER } from "../service/mod.ts";
import { FREE_PORTS, type Gateway, type GatewayOptions, startGateway } from "../gateway/mod.ts";
import { ownTarget, TARGET_JOURNAL_LIMIT } from "./own_target.ts";

/** A Responses gateway that runs to be judged. */
export interface ResponsesTargetOptions extends Omit<GatewayOptions, "ports" | "profile"> {
  readonly name?: string;
}

/**
 * Starts the Responses profile on free ports and describes it to the suite; the mark of a case goes
 * on to the model. Disposing the target stops the gateway.
 *
 * @throws {UnavailableError} when a part does not start
 */
export async function startResponsesTarget(
  options: ResponsesTargetOptions,
): Promise<Target & AsyncDisposable & { readonly gateway: Gateway }> {
  const { name, answering, ...rest } = options;
  const { defaultConfig } = await loadModule<typeof import("../responses/mod.ts")>(
    "responses/mod.ts",
  );
  const config = answering?.config ?? defaultConfig();
  const scriptSecret = crypto.randomUUID();
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(
    await startGateway({
      graceMs: 0,
      journalLimit: TARGET_JOURNAL_LIMIT,
      ...rest,
      profile: "responses",
      ports: FREE_PORTS,
      scriptSecret,
      answering: {
        ...answering,
        config: {
          ...config,
          engine: {
            ...config.engine,
            forward_headers: [...config.engine.forward_headers, NONCE_HEADER],
          },
        },
      },
    }),
  );
  const own = ownTarget(gateway, { scriptSecret, ...(name === undefined ? {} : { name }) });
  stack.use(own);
  const owned = stack.move();
  return Object.assign(own, {
    features: ["responses", ...(canStream(gateway.envoy.version) ? ["responses_stream"] : [])],
    gateway,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** Envoy lets a processor stream an answer of its own since 1.37 (StreamedImmediateResponse). */
function canStream(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || minor >= 37;
}
