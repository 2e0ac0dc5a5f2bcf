/** The profile `responses`: policy and the OpenAI Responses gateway in front of one model server. */
import { defined, loadModule, UsageError } from "../../../service/mod.ts";
import { UPSTREAM_PORT } from "../../mod.ts";
import type { ProfileKind } from "../kind.ts";
import { RESPONSES_FLAGS, RESPONSES_PORT_FLAGS } from "./flags.ts";
import { RESPONSES_PORTS, responsesProfile } from "./profile.ts";

const FLAGS = { ...RESPONSES_FLAGS, ...RESPONSES_PORT_FLAGS };

export const RESPONSES: ProfileKind<typeof FLAGS> = {
  name: "responses",
  summary: "policy and the OpenAI Responses gateway in front of one model server",
  ports: [...RESPONSES_PORTS, UPSTREAM_PORT],
  flags: FLAGS,
  async bind(values, { env, upstream }) {
    if (upstream !== undefined) {
      throw new UsageError(
        'Cannot use an upstream with the profile "responses": name its model server by --model-endpoint',
      );
    }
    const { config: file, modelEndpoint, responsesPort, extprocPort } = values;
    const { connectorsAllow = [] } = values;
    const given = defined({ responses: responsesPort, extproc: extprocPort });
    if (file === undefined && connectorsAllow.length === 0) {
      return { profile: responsesProfile(defined({ modelEndpoint })), ports: given };
    }
    const { allowConnectors, defaultConfig, readConfig, secretsOf } = await loadModule<
      typeof import("../../../responses/mod.ts")
    >("responses/mod.ts");
    const said = file === undefined ? defaultConfig() : await readConfig(file);
    const config = allowConnectors(said, connectorsAllow);
    if (file === undefined) {
      return { profile: responsesProfile({ config, ...defined({ modelEndpoint }) }), ports: given };
    }
    return {
      profile: responsesProfile({
        config,
        // Neither of them: the mock answers, as it does without a file.
        ...defined({ modelEndpoint: modelEndpoint ?? config.engine.model_endpoint }),
        secrets: secretsOf(config, env),
      }),
      ports: { responses: config.http.port, extproc: config.extproc.port, ...given },
    };
  },
  judge: async () =>
    (await loadModule<typeof import("./judge/mod.ts")>("gateway/profiles/responses/judge/mod.ts"))
      .RESPONSES_JUDGE,
  manifests: async () =>
    (await loadModule<typeof import("./manifests.ts")>("gateway/profiles/responses/manifests.ts"))
      .RESPONSES_MANIFESTS,
};
