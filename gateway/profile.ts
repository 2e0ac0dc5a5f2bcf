/** A profile: everything in which one gateway differs from another, as an object that the assembly asks. */
import type { EnvoyConfigFile, EnvoyOverlay } from "../envoy/mod.ts";
import type { Log, RequestRecord } from "../service/mod.ts";
import type { ConsoleSources } from "../console/mod.ts";
import type { ControlledUpstream, Upstream } from "../upstream/mod.ts";
import type { ControlPaths } from "./control.ts";

/** A port that a gateway listens on. */
export interface PortSpec {
  /** Its key in {@linkcode Ports}. */
  readonly name: string;
  /** For errors and help: "the model router". */
  readonly what: string;
  readonly default: number;
  /** The flag that moves it: `--router-port`. */
  readonly flag: string;
}

/** Port numbers by the names of their {@linkcode PortSpec}; one that is 0 or left out is picked by the system. */
export type Ports = Readonly<Record<string, number>>;

/** Names that an Envoy configuration gives to the places where parts are put. */
export interface PartNames {
  readonly listener: string;
  /** Absent when the configuration asks no policy. */
  readonly policyCluster?: string | undefined;
  readonly upstreamCluster: string;
}

/** Where the parts of a profile start. They listen on loopback. */
export interface Place {
  readonly ports: Ports;
  /** Folder of the run; it goes with the run unless it is kept. */
  readonly runDir: string;
  /** Folder of the mock's scenario files. */
  readonly scenarios?: string | undefined;
  /** Entries that each journal keeps. */
  readonly journalLimit: number;
  /** Secret by which Envoy proves itself; undefined where its configuration does not send it. */
  readonly peerSecret: string | undefined;
  readonly log: Log;
}

/** A line of the block that a person reads when the gateway is ready. */
export interface WelcomeLine {
  readonly label: string;
  readonly text: string;
  /** Somebody else's, in place of a bundled part. */
  readonly foreign?: boolean;
}

/** A command to try, shown when the gateway is ready. */
export interface Suggestion {
  readonly title: string;
  readonly command: string;
}

/** The running parts of a profile beside policy and Envoy. */
export interface Part extends AsyncDisposable {
  /** The ports that they listen on. */
  readonly ports: Ports;
  /** URL of the model server that requests end at; several are joined by commas. */
  readonly upstreamUrl: string;
  /** The mock model servers; none where others stand in. */
  readonly mocks: readonly Upstream[];
  /** The mocks as one, under the control of the harness; undefined where others stand in. */
  readonly upstream: (ControlledUpstream & { readonly url: string }) | undefined;
  /** Metrics of the parts beside the mocks, in the Prometheus text format. */
  readonly metrics: readonly (() => Promise<string>)[];
  /** Paths of the control listener that are the parts' own; one that ends with `*` is all below it. */
  readonly control?: ControlPaths;
  /** Fields of the ready line's `services`. */
  readonly services: Readonly<Record<string, unknown>>;
  /** Lines about the parts, in the order in which a request meets them. */
  welcome(): readonly WelcomeLine[];
  /** Things that the console can show beside the journals. */
  readonly shows?: ConsoleSources | undefined;
  /** Called for each finished request, the gateway's own warm-up left out. */
  onRequest?(record: RequestRecord): void;
  /** Commands to try on the ingress at `url`, and on the one with TLS where there is one. */
  suggestions(url: string, tlsUrl?: string): readonly Suggestion[];
}

/** Places in Envoy's configuration that are a profile's own to set. */
export type PartOverlay = Pick<
  EnvoyOverlay,
  | "listeners"
  | "clusters"
  | "trustedRoots"
  | "pathPrefixes"
  | "discoveryPaths"
  | "certificateFolder"
  | "tokens"
>;

/** A gateway that can be run, bound to its settings. */
export interface Profile<P extends Part = Part> extends PartNames {
  readonly name: string;
  readonly policyCluster: string;
  /**
   * Returns the Envoy configuration that it runs on.
   *
   * @param own in place of the bundled one
   * @throws {UsageError} when its settings do not go with that one
   */
  config(own?: EnvoyConfigFile): EnvoyConfigFile;
  /** Ports of its parts. */
  readonly ports: readonly PortSpec[];
  /** Listener that serves the same over TLS, on the port named `tls`. */
  readonly tlsListener?: string;
  /** Whether Envoy asks the control listener, so that its port must be known before Envoy starts. */
  readonly asksControl?: boolean;
  /** The oldest Envoy that its configuration is for: `1.40.0`. */
  readonly oldestEnvoy?: string;
  /**
   * Makes what Envoy must find when it starts: files.
   *
   * @throws {UsageError} when it cannot be made
   */
  prepare?(): Promise<void>;
  /** Files that its busiest process has open for each stream over HTTP/1.1; 2 when left out: those of Envoy. */
  readonly filesPerStream?: number;
  /** Whether the parts may end up on other ports than those asked for, even where none is 0. */
  readonly movesPorts?: boolean;
  /** Returns the variables that Envoy finds in its environment beside ours: credentials, that no configuration holds. */
  environment?(): Readonly<Record<string, string>>;
  /** Metrics of Envoy's own that stand on the control listener's page, as a regular expression (RE2) of their names. */
  readonly envoyMetrics?: string;
  /** Returns the places of its parts, which listen on `ports`. */
  overlay(ports: Ports, names: PartNames): PartOverlay;
  /** Starts the parts; resolves when all are ready. */
  start(place: Place): Promise<P>;
}
