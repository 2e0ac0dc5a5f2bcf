/** The Responses profile as a target of the suite: its model is our upstream, under the scripts of the cases. */
import { defaultConfig } from "../../../../responses/mod.ts";
import { NONCE_HEADER } from "../../../../service/mod.ts";
import { type OwnGatewayOptions, type OwnTarget, startOwnTarget } from "../../../../targets/mod.ts";
import { type ResponsesPart, type ResponsesPartOptions, responsesProfile } from "../profile.ts";

/** A Responses gateway that runs to be judged. */
export interface ResponsesTargetOptions extends Omit<OwnGatewayOptions, "profile"> {
  readonly responses?: ResponsesPartOptions;
}

/**
 * Starts the Responses profile on free ports and describes it to the suite; the mark of a case goes
 * on to the model. Disposing the target stops the gateway.
 *
 * @throws {UnavailableError} when a part does not start
 */
export async function startResponsesTarget(
  options: ResponsesTargetOptions,
): Promise<OwnTarget<ResponsesPart>> {
  const { responses, ...rest } = options;
  const config = responses?.config ?? defaultConfig();
  const marked = {
    ...config,
    engine: {
      ...config.engine,
      forward_headers: [...config.engine.forward_headers, NONCE_HEADER],
    },
  };
  const own = await startOwnTarget({
    ...rest,
    profile: responsesProfile({ ...responses, config: marked }),
  });
  const streams = canStream(own.gateway.envoy.version);
  return Object.assign(own, { features: ["responses", ...(streams ? ["responses_stream"] : [])] });
}

/** Envoy lets a processor stream an answer of its own since 1.37 (StreamedImmediateResponse). */
function canStream(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || minor >= 37;
}
