/** The flags that both exports share, and what they describe. */
import { resolve } from "node:path";
import { DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { profileKind, PROFILES, ROUTER_FLAGS } from "../../gateway/profiles/mod.ts";
import type { ExportSettings, ProfileManifests } from "../../manifests/mod.ts";
import { DEFAULT_RULES, readRules } from "../../policy/mod.ts";
import { DEFAULT_ROUTES, parseHosts, parseRoutes, type RoutingLogic } from "../../router/mod.ts";
import { loadModule, messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import { assertOwnFlags } from "./gateway.ts";
import type { Host } from "../host.ts";
import {
  addressOption,
  choiceOption,
  directoryOption,
  fileOption,
  flagOption,
  textOption,
  urlOption,
} from "../../options/mod.ts";
import { VERSION } from "../version.ts";

const { staticHosts, staticModels, logic, routeConfig } = ROUTER_FLAGS;

/** Flags of an export: the profile, its files and its images. */
export const EXPORT_OPTIONS = {
  image: textOption("--image <IMAGE>", {
    description: "image that holds llmgate",
    default: `llmgate:${VERSION}`,
  }),
  envoyImage: textOption("--envoy-image <IMAGE>", {
    description: "image that holds Envoy",
    default: `envoyproxy/envoy:v${DEFAULT_ENVOY_VERSION}`,
  }),
  policy: addressOption("--policy <HOST:PORT>", {
    description: "ext_authz engine to use in place of the stub",
  }),
  rules: fileOption("--rules <FILE>", { description: "rules of the policy stub; the demo's else" }),
  upstream: urlOption("--upstream <URL>", {
    description: "model server of the base profile; the mock when left out",
  }),
  modelEndpoint: urlOption("--model-endpoint <URL>", {
    description: "Chat Completions server of the responses profile; Ollama when left out",
  }),
  staticHosts,
  staticModels,
  logic,
  routeConfig,
  force: flagOption("--force", { description: "write over files that are there" }),
};

/** `--profile`, with the one that is meant when none is named. */
export function exportedProfileOption(fallback: string) {
  return choiceOption("--profile <NAME>", {
    description: "which gateway to export",
    choices: PROFILES.filter(({ manifests }) => manifests !== undefined).map(({ name }) => name),
    default: fallback,
  });
}

/** `--out`. */
export const OUT_OPTION = directoryOption("--out <DIR>", {
  description: "folder for the files; made when missing",
});

/** The values of the flags above. */
export interface ExportValues {
  readonly profile: string;
  readonly image: string;
  readonly envoyImage: string;
  readonly policy?: string | undefined;
  readonly rules?: string | undefined;
  readonly upstream?: string | undefined;
  readonly modelEndpoint?: string | undefined;
  readonly staticHosts?: string | undefined;
  readonly staticModels?: string | undefined;
  readonly logic: RoutingLogic;
  readonly routeConfig?: string | undefined;
}

/**
 * Returns what the profile adds to an export.
 *
 * @throws {UsageError} for flags of another profile
 */
export async function exportedProfile(values: ExportValues): Promise<ProfileManifests> {
  const kind = profileKind(values.profile);
  // The label selector has a default here, and is about model servers in Kubernetes whatever the profile.
  assertOwnFlags(kind, { ...values, k8sLabelSelector: undefined });
  const manifests = await kind.manifests?.();
  if (manifests === undefined) {
    throw new UsageError(`Cannot export the profile "${kind.name}": it has no manifests`);
  }
  if (values.upstream !== undefined && !manifests.takesUpstream) {
    throw new UsageError(
      `Cannot use --upstream with the profile "${kind.name}": its model servers have flags of their own`,
    );
  }
  return manifests;
}

/**
 * Returns the export that the flags describe, files read and checked.
 *
 * @throws {UsageError} for flags that do not go together, or files that cannot be used
 */
export async function exportSettings(values: ExportValues, host: Host): Promise<ExportSettings> {
  const { parseUpstreamUrl } = await loadModule<typeof import("../../gateway/mod.ts")>(
    "gateway/mod.ts",
  );
  const { staticHosts, staticModels, policy } = values;
  if (staticHosts !== undefined) parseHosts(staticHosts, staticModels);
  else if (staticModels !== undefined) {
    throw new UsageError("Cannot use --static-models without --static-hosts");
  }
  return {
    image: values.image,
    envoyImage: values.envoyImage,
    rules: values.rules === undefined ? DEFAULT_RULES : await rulesText(values.rules, host),
    policy: policy === undefined ? undefined : addressOf(policy),
    upstream: values.upstream === undefined ? undefined : parseUpstreamUrl(values.upstream),
    modelEndpoint: values.modelEndpoint,
    router: {
      routes: await readRoutes(values.routeConfig, host),
      logic: values.logic,
      staticHosts,
      staticModels,
      labelSelector: DEFAULT_SELECTOR,
    },
  };
}

/** The label that vLLM's own manifests bear. */
export const DEFAULT_SELECTOR = "app=vllm";

async function rulesText(file: string, host: Host): Promise<string> {
  const text = await readText(resolve(host.cwd, file));
  await readRules(text, file);
  return text;
}

async function readRoutes(file: string | undefined, host: Host): Promise<string> {
  if (file === undefined) return DEFAULT_ROUTES.text;
  const text = await readText(resolve(host.cwd, file));
  parseRoutes(text, file);
  return text;
}

/** HOST:PORT in two, an IPv6 host without its brackets. */
export function addressOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return {
    host: address.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(colon + 1)),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}
