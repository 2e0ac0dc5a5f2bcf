/** The Responses gateway in exports. */
import {
  type ComposeSettings,
  CONFIG_FOLDER,
  DATA_FOLDER,
  exportedAt,
  llmgateService,
  PARTS,
  pods,
  type ProfileManifests,
} from "../../../manifests/mod.ts";
import { responsesFile } from "./file.ts";
import { responsesGateway } from "./kubernetes.ts";
import { HTTP_CLUSTER, PROCESSOR_CLUSTER, responsesProfile } from "./profile.ts";

const FILE = "extproc-config.yaml";

/** The model server that comes with the Responses gateway. */
const OLLAMA = "http://ollama:11434/v1";

const { name, http, grpc } = PARTS.responses;

export const RESPONSES_MANIFESTS: ProfileManifests = {
  ...responsesProfile(),
  sharesStorage: true,
  overlay: () => ({
    clusters: {
      [PROCESSOR_CLUSTER]: exportedAt({ name, port: grpc }),
      [HTTP_CLUSTER]: exportedAt({ name, port: http }),
    },
  }),
  compose(settings) {
    const isOllama = settings.modelEndpoint === undefined;
    return {
      services: {
        [name]: responsesService(settings),
        // `docker compose exec ollama ollama pull MODEL` gets a model.
        ...(isOllama && { ollama: OLLAMA_SERVICE }),
      },
      volumes: { responses: {}, ...(isOllama && { ollama: {} }) },
      files: [{ name: FILE, text: responsesFile(settings.modelEndpoint ?? OLLAMA) }],
    };
  },
  kubernetes: (settings) => [{
    file: "responses-gateway.yaml",
    comment: "The OpenAI Responses gateway.",
    objects: responsesGateway(settings),
  }],
  egress: () => [pods("to", name, http, grpc)],
};

function responsesService(settings: ComposeSettings): object {
  const command = ["responses", "--config", `${CONFIG_FOLDER}/${FILE}`];
  return llmgateService(settings, [...command, "--data-dir", DATA_FOLDER], {
    file: FILE,
    asksPeer: true,
    volumes: [`responses:${DATA_FOLDER}`],
  });
}

const OLLAMA_SERVICE = {
  image: "ollama/ollama:latest",
  volumes: ["ollama:/root/.ollama"],
  restart: "unless-stopped",
};
