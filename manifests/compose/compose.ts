/** A gateway as a Compose file. */
import { PEER_SECRET_ENV } from "../../service/mod.ts";
import { envoyFile } from "../envoy_file.ts";
import type { ProfileManifests } from "../profile.ts";
import { CONFIG_FOLDER, DATA_FOLDER, ENVOY_FOLDER, type ExportedFile, PARTS } from "../settings.ts";
import { needsPeerSecret } from "../peer_secret.ts";
import { yamlText } from "../yaml_text.ts";
import type { ComposeSettings } from "./settings.ts";

const COMMENT = `docker compose up --build, with the llmgate binary beside this file.
The ingress is on loopback of this machine alone; Envoy's admin stays inside of its container.`;

/** The image of the exported parts but Envoy. */
const DOCKERFILE =
  `# The llmgate binary of a Linux release, or of \`deno task compile\`, beside this file.
FROM debian:stable-slim
COPY --chmod=755 llmgate /usr/local/bin/llmgate
# A fresh volume takes over who owns the folder.
RUN install -d -o 65532 -g 65532 ${DATA_FOLDER}
ENV LLMGATE_HOME=/tmp/llmgate
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/llmgate"]
`;

/** Nothing may be written, nothing be gained. */
const HARDENED = {
  read_only: true,
  tmpfs: ["/tmp"],
  cap_drop: ["ALL"],
  security_opt: ["no-new-privileges:true"],
  restart: "unless-stopped",
};

/** Returns the Compose file of a gateway and the files that it mounts. */
export function exportCompose(
  profile: ProfileManifests,
  settings: ComposeSettings,
): ExportedFile[] {
  const stub = settings.policy === undefined;
  const { services, volumes, files = [] } = profile.compose(settings);
  const parts = {
    ...(stub ? { [PARTS.policy.name]: policyService(settings) } : {}),
    ...services,
  };
  const compose = {
    services: {
      [PARTS.envoy.name]: envoyService(
        settings,
        Object.keys(parts),
        needsPeerSecret(profile),
      ),
      ...parts,
    },
    ...(volumes && { volumes }),
  };
  return [
    { name: "compose.yaml", text: yamlText([{ comment: COMMENT, value: compose }]) },
    { name: "envoy.yaml", text: envoyFile(profile, settings) },
    ...(stub ? [{ name: "rules.yaml", text: settings.rules }] : []),
    ...files,
    { name: "Dockerfile", text: DOCKERFILE },
  ];
}

function envoyService(settings: ComposeSettings, dependsOn: string[], proves: boolean): object {
  return {
    image: settings.envoyImage,
    command: ["envoy", "-c", `${ENVOY_FOLDER}/envoy.yaml`],
    user: "101:101",
    ports: [`127.0.0.1:${settings.port}:${PARTS.envoy.port}`],
    volumes: [`./envoy.yaml:${ENVOY_FOLDER}/envoy.yaml:ro`],
    depends_on: dependsOn,
    ...(proves && { environment: PEER_SECRET_FROM_OUTSIDE }),
    ...HARDENED,
  };
}

/** Compose refuses to start without it, and says this. */
const PEER_SECRET_FROM_OUTSIDE = {
  [PEER_SECRET_ENV]:
    `\${${PEER_SECRET_ENV}:?by it Envoy proves itself to the parts, 32 random characters or more in the file .env}`,
};

/**
 * Returns a service that runs a command of llmgate.
 *
 * @param about.file stands beside the Compose file and is mounted
 * @param about.asksPeer it answers its own Envoy only, and knows it by a secret
 */
export function llmgateService(
  { image }: ComposeSettings,
  command: readonly string[],
  { file, volumes = [], asksPeer = false }: {
    file?: string;
    volumes?: readonly string[];
    asksPeer?: boolean;
  } = {},
): object {
  const mounts = [
    ...(file === undefined ? [] : [`./${file}:${CONFIG_FOLDER}/${file}:ro`]),
    ...volumes,
  ];
  return {
    image,
    build: { context: ".", dockerfile: "Dockerfile" },
    command,
    ...(asksPeer && { environment: PEER_SECRET_FROM_OUTSIDE }),
    ...(mounts.length === 0 ? {} : { volumes: mounts }),
    ...HARDENED,
  };
}

function policyService(settings: ComposeSettings): object {
  const rules = `${CONFIG_FOLDER}/rules.yaml`;
  const place = ["--host", "0.0.0.0", "--port", String(PARTS.policy.port)];
  return llmgateService(settings, ["policy", ...place, "--rules", rules], { file: "rules.yaml" });
}

/** Returns the mock upstream as a service. */
export function mockService(settings: ComposeSettings): object {
  const place = ["--host", "0.0.0.0", "--port", String(PARTS.upstream.port)];
  return llmgateService(settings, ["upstream", ...place]);
}
