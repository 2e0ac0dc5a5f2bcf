/** How a profile is judged: its cases, a target of our own, the shape of other people's, and its proof. */
import type { Case, Expectations, Target } from "../../conformance/mod.ts";
import type { Proof } from "../../mutants/mod.ts";
import type { ForeignShape } from "../../targets/mod.ts";
import type { GatewayOptions } from "../mod.ts";

/** Foreign parts that `check` was asked to judge behind our Envoy. */
export interface Asked {
  /** HOST:PORT of a foreign policy engine behind our Envoy. */
  readonly policy?: string | undefined;
  /** URL of a foreign model server behind our Envoy. */
  readonly upstream?: string | undefined;
}

/** Parts of ours that somebody else's gateway uses beside policy and upstream, because it declares a feature. */
export interface DeclaredParts extends AsyncDisposable {
  /** Description that the features add to the gateway's own. */
  describe(expect: Expectations): Partial<Target>;
  /** Where the gateway must find them: one line each. */
  readonly notes: readonly string[];
  /** Their ports, by the kind of a part in an Envoy configuration. */
  readonly ports: Readonly<Partial<Record<"rate_limit" | "jwks", number>>>;
}

/** Features as declared: `--feature NAME=SETTING=VALUE,…`. */
export type DeclaredFeatures = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** The judge's half of a profile. */
export interface Judge {
  /** Every case that a gateway of this profile can be asked. */
  readonly cases: readonly Case[];
  /**
   * Starts a gateway of our own and describes it to the suite. Disposing the target stops the gateway.
   *
   * @throws {UsageError} for foreign parts that cannot be judged with this profile
   */
  start(gateway: GatewayOptions, asked?: Asked): Promise<Target & AsyncDisposable>;
  /**
   * Returns what is particular to somebody else's gateway of this profile.
   *
   * @param values of `judgeFlags`
   * @throws {UsageError} when it cannot be judged with what the harness was told to control
   */
  foreign(values: Readonly<Record<string, unknown>>): ForeignShape;
  /**
   * Starts what somebody else's gateway shall use that declares these features.
   *
   * @throws {UsageError} for settings that cannot be used
   * @throws {UnavailableError} when a port is taken
   */
  declare?(features: DeclaredFeatures): Promise<DeclaredParts>;
  /** Gateways of this profile that are broken on purpose. */
  readonly proof: Proof;
}
