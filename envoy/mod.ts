/**
 * Envoy: get it (`findEnvoy`), configure it (`launchConfig`), run it (`startEnvoy`), and ask it
 * (`AdminClient`, the access log).
 *
 * ```ts
 * await using envoy = await startEnvoy({
 *   path: "/usr/local/bin/envoy",
 *   config: bundledConfig("base"),
 *   overlay: {
 *     adminPort: 0,
 *     listeners: { ingress: { host: "127.0.0.1", port: 0 } },
 *     clusters: { policy_engine: { host: "127.0.0.1", port: 9002 } },
 *   },
 *   runDir: await Deno.makeTempDir(),
 *   onRequest: (entry) => console.log(entry.method, entry.path, entry.status),
 * });
 * envoy.listeners.get("ingress"); // { host: "127.0.0.1", port: 40123 }
 * ```
 *
 * @module
 */
export { type AccessLogEntry, AccessLogFollower, parseAccessLogLine } from "./access_log.ts";
export { flagWords } from "./flags.ts";
export { AdminClient } from "./admin.ts";
export { placeCluster } from "./adopt_cluster.ts";
export { type AdoptedConfig, adoptEnvoyConfig } from "./adopt_foreign_config.ts";
export type { ForeignPart, ForeignTokens } from "./adopt_parts.ts";
export { CHECK_JWT, CHECK_JWT_KEY, checkTlsCertificate } from "./check_keys.ts";
export {
  bundledConfig,
  bundledConfigNames,
  CHECK_CONFIGS,
  CHECK_OLDEST_ENVOY,
  type EnvoyConfigFile,
  parseBundled,
  parseEnvoyConfig,
  readEnvoyConfig,
} from "./config_file.ts";
export { describeDifferences } from "./discovery/describe.ts";
export type { ConfigChange } from "./discovery/live_config.ts";
export {
  type Resource,
  type ResourceKind,
  type SourceOf,
  type SplitConfig,
  splitConfig,
  typeUrlOf,
} from "./discovery/split.ts";
export { startRestartableEnvoy } from "./hot_restart.ts";
export { type FilterOnRoute, filterOnRoute, mistypedSettings } from "./filter_on_route.ts";
export { chainOf, type HttpFilter } from "./filters.ts";
export { isAskedLater } from "./relays.ts";
export { matchesText } from "./string_matcher.ts";
export {
  filterOf,
  filtersInForce,
  HTTP_OPTIONS,
  type Ingress,
  type LintModel,
  lintModel,
  type ModelRoute,
  type TcpProxy,
} from "./model.ts";
export {
  blanked,
  type Endpoint,
  type EnvoyOverlay,
  formatChanges,
  type HostPort,
  launchConfig,
  type LaunchedConfig,
  OVERLAY_TABLE,
  type OverlayChange,
  overlayChanges,
  type TlsFiles,
} from "./overlay.ts";
export { messagesWithin, type Placed, placedAt, seconds, typeName } from "./placed.ts";
export { cachedEnvoyPath, dataHome, type Env, verifyCached } from "./provision/cache.ts";
export {
  findEnvoy,
  type FindEnvoyOptions,
  type FoundEnvoy,
  publicSources,
  versionOf,
} from "./provision/find.ts";
export { FUNC_E_INDEX_URL, funcEIndex } from "./provision/func_e_index.ts";
export { currentPlatform, type Platform } from "./provision/platform.ts";
export type { OnProgress, Progress } from "./provision/progress.ts";
export type { EnvoySource, FetchRequest } from "./provision/source.ts";
export {
  assertSupported,
  compareVersions,
  DEFAULT_ENVOY_VERSION,
  fetchableVersions,
  isSupported,
  OLDEST_ENVOY,
} from "./provision/versions.ts";
export { problemsOf } from "./problems_of.ts";
export { pipWheel } from "./provision/wheel.ts";
export type { Route } from "./routes.ts";
export { flagOf, shareOf, wholeOf } from "./runtime.ts";
export type { Located, Reading, ReadingProblem, Readings } from "./schema/reading.ts";
export {
  describeExit,
  type EnvoyOptions,
  OLD_STREAMS_S,
  type RunningEnvoy,
  startEnvoy,
} from "./start.ts";
export {
  canonicalJson,
  deleteAt,
  isObject,
  type Json,
  type JsonObject,
  objectsAt,
  setAt,
  valueAt,
} from "./tree.ts";
export { systemRoots } from "./system_roots.ts";
export { messageEncoder, packMessageTypes, readTypedConfig, type SchemaSource } from "./typed.ts";
export { assertAccepted, validateConfig, type Validation } from "./validate.ts";
