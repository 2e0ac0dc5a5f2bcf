/** A gateway as a Compose file. */
import { envoyFile } from "../envoy_file.ts";
import { responsesFile } from "../responses_file.ts";
import {
  CONFIG_FOLDER,
  DATA_FOLDER,
  ENVOY_FOLDER,
  type ExportedFile,
  type ExportSettings,
  PARTS,
} from "../settings.ts";
import { yamlText } from "../yaml_text.ts";

/** What Compose needs beside. */
export interface ComposeSettings extends ExportSettings {
  /** Port of the ingress on this machine, on loopback. */
  readonly port: number;
}

const RESPONSES_FILE = "extproc-config.yaml";
/** The model server that comes with the Responses gateway. */
const OLLAMA = "http://ollama:11434/v1";

/** Mock model servers behind the router, unless hosts are given. */
const MOCKS = ["model-1", "model-2", "model-3"];

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
export function exportCompose(settings: ComposeSettings): ExportedFile[] {
  const { routes } = settings.router;
  const isRouter = settings.profile === "router";
  const isResponses = settings.profile === "responses";
  const stub = settings.policy === undefined;
  return [
    {
      name: "compose.yaml",
      text: yamlText([{ comment: COMMENT, value: composeOf(settings) }]),
    },
    { name: "envoy.yaml", text: envoyFile(settings) },
    ...(stub ? [{ name: "rules.yaml", text: settings.rules }] : []),
    ...(isRouter ? [{ name: "routes.json", text: routes }] : []),
    ...(isResponses
      ? [{ name: RESPONSES_FILE, text: responsesFile(settings.modelEndpoint ?? OLLAMA) }]
      : []),
    { name: "Dockerfile", text: DOCKERFILE },
  ];
}

function composeOf(settings: ComposeSettings): object {
  if (settings.profile !== "responses") return { services: servicesOf(settings) };
  const volumes = {
    responses: {},
    ...(settings.modelEndpoint === undefined ? { ollama: {} } : {}),
  };
  return { services: servicesOf(settings), volumes };
}

function servicesOf(settings: ComposeSettings): Record<string, object> {
  const parts: Record<string, object> = {};
  if (settings.policy === undefined) parts[PARTS.policy.name] = policyService(settings);
  if (settings.profile === "router") {
    parts[PARTS.router.name] = routerService(settings);
    if (settings.router.staticHosts === undefined) {
      for (const name of MOCKS) parts[name] = mockService(settings);
    }
  } else if (settings.profile === "responses") {
    parts[PARTS.responses.name] = responsesService(settings);
    // `docker compose exec ollama ollama pull MODEL` gets a model.
    if (settings.modelEndpoint === undefined) parts.ollama = ollamaService();
  } else if (settings.upstream === undefined) parts[PARTS.upstream.name] = mockService(settings);
  return {
    [PARTS.envoy.name]: {
      image: settings.envoyImage,
      command: ["envoy", "-c", `${ENVOY_FOLDER}/envoy.yaml`],
      user: "101:101",
      ports: [`127.0.0.1:${settings.port}:${PARTS.envoy.port}`],
      volumes: [`./envoy.yaml:${ENVOY_FOLDER}/envoy.yaml:ro`],
      depends_on: Object.keys(parts),
      ...HARDENED,
    },
    ...parts,
  };
}

function llmgate({ image }: ComposeSettings, command: string[], file?: string): object {
  return {
    image,
    build: { context: ".", dockerfile: "Dockerfile" },
    command,
    ...(file === undefined ? {} : { volumes: [`./${file}:${CONFIG_FOLDER}/${file}:ro`] }),
    ...HARDENED,
  };
}

function policyService(settings: ComposeSettings): object {
  const rules = `${CONFIG_FOLDER}/rules.yaml`;
  const place = ["--host", "0.0.0.0", "--port", String(PARTS.policy.port)];
  return llmgate(settings, ["policy", ...place, "--rules", rules], "rules.yaml");
}

function routerService(settings: ComposeSettings): object {
  const { router } = settings;
  const mocks = MOCKS.map((name) => `${name}:${PARTS.upstream.port}`).join(",");
  const models = router.staticHosts === undefined ? MOCKS.map(() => "*").join(",") : undefined;
  const served = router.staticModels ?? models;
  return llmgate(settings, [
    ...["router", "--host", "0.0.0.0", "--port", String(PARTS.router.port)],
    ...["--static-hosts", router.staticHosts ?? mocks],
    ...(served === undefined ? [] : ["--static-models", served]),
    ...["--routing-logic", router.logic],
    ...["--route-config", `${CONFIG_FOLDER}/routes.json`],
  ], "routes.json");
}

function responsesService(settings: ComposeSettings): object {
  const command = ["responses", "--config", `${CONFIG_FOLDER}/${RESPONSES_FILE}`];
  const part = llmgate(settings, [...command, "--data-dir", DATA_FOLDER], RESPONSES_FILE);
  const { volumes } = part as { volumes: string[] };
  return { ...part, volumes: [...volumes, `responses:${DATA_FOLDER}`] };
}

function ollamaService(): object {
  return {
    image: "ollama/ollama:latest",
    volumes: ["ollama:/root/.ollama"],
    restart: "unless-stopped",
  };
}

function mockService(settings: ComposeSettings): object {
  const place = ["--host", "0.0.0.0", "--port", String(PARTS.upstream.port)];
  return llmgate(settings, ["upstream", ...place]);
}
