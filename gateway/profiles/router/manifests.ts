/** The model router in exports. */
import {
  type ComposeSettings,
  CONFIG_FOLDER,
  exportedAt,
  IMAGE_ROOTS,
  llmgateService,
  mockService,
  PARTS,
  pods,
  type ProfileManifests,
} from "../../../manifests/mod.ts";
import { modelPorts, vllmExtproc } from "./kubernetes.ts";
import { BACKENDS_CLUSTER, ROUTER_CLUSTER, routerProfile } from "./profile.ts";

/** Mock model servers behind the router, unless hosts are given. */
const MOCKS = ["model-1", "model-2", "model-3"];

const ROUTES_FILE = "routes.json";

export const ROUTER_MANIFESTS: ProfileManifests = {
  ...routerProfile(),
  overlay: () => ({
    clusters: { [ROUTER_CLUSTER]: exportedAt(PARTS.router) },
    trustedRoots: { [BACKENDS_CLUSTER]: IMAGE_ROOTS },
  }),
  compose: (settings) => ({
    services: {
      [PARTS.router.name]: routerService(settings),
      ...(settings.router.staticHosts === undefined &&
        Object.fromEntries(MOCKS.map((name) => [name, mockService(settings)]))),
    },
    files: [{ name: ROUTES_FILE, text: settings.router.routes }],
  }),
  kubernetes: (settings) => [{
    file: "vllm-extproc.yaml",
    comment: "The model router: one decision per request, and the endpoints that Envoy may use.",
    objects: vllmExtproc(settings),
  }],
  egress: (settings) => [
    pods("to", PARTS.router.name, PARTS.router.port),
    ...modelPorts(settings),
  ],
};

function routerService(settings: ComposeSettings): object {
  const { router } = settings;
  const mocks = MOCKS.map((name) => `${name}:${PARTS.upstream.port}`).join(",");
  const models = router.staticHosts === undefined ? MOCKS.map(() => "*").join(",") : undefined;
  const served = router.staticModels ?? models;
  return llmgateService(settings, [
    ...["router", "--host", "0.0.0.0", "--port", String(PARTS.router.port)],
    ...["--static-hosts", router.staticHosts ?? mocks],
    ...(served === undefined ? [] : ["--static-models", served]),
    ...["--routing-logic", router.logic],
    ...["--route-config", `${CONFIG_FOLDER}/${ROUTES_FILE}`],
  ], { file: ROUTES_FILE, asksPeer: true });
}
