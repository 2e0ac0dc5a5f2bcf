/** The flags of `check` that choose a target, their values, and what they describe. */
import type { Case, Credentials, DialectPair, Target } from "../../conformance/mod.ts";
import { DIALECTS } from "../../dialects/mod.ts";
import {
  choiceOption,
  fileOption,
  flagOption,
  integerOption,
  type Option,
  portOption,
  repeated,
  textOption,
  urlOption,
} from "../../options/mod.ts";
import { DEFAULT_PORTS, UsageError } from "../../service/mod.ts";
import { JUDGE_FLAGS, type StartOptions } from "../flags/gateway.ts";
import { DECLARED_OPTIONS, type DeclaredOptions } from "./declared.ts";
import { headerOf } from "./header.ts";

/** `client=openai,upstream=anthropic`, in either order. */
const dialectOption: Option<DialectPair | undefined> = {
  ...textOption("--dialect <PAIR>", {
    description:
      'with --gateway: judge what it translates, e.g. "client=openai,upstream=anthropic"; its upstream is ours',
  }),
  parse(value, name) {
    const parts = new Map(
      value.split(",").map((part) => {
        const [side = "", dialect = ""] = part.split("=", 2);
        return [side.trim(), DIALECTS.find((known) => known === dialect.trim())] as const;
      }),
    );
    const [client, upstream] = [parts.get("client"), parts.get("upstream")];
    if (client !== undefined && upstream !== undefined && parts.size === 2) {
      return { client, upstream };
    }
    throw new UsageError(
      `Cannot use ${name}: it must be "client=DIALECT,upstream=DIALECT", each one of ${
        DIALECTS.join(", ")
      }: current value is "${value}"`,
    );
  },
  fallback: undefined,
};

/** Flags that choose the target. */
export const TARGET_OPTIONS = {
  gateway: urlOption("--gateway <URL>", {
    description: "judge this gateway instead of a stack of our own",
  }),
  envoyConfig: fileOption("--envoy-config <FILE>", {
    description: "judge this Envoy configuration, launched between our policy and our upstream",
  }),
  listener: textOption("--listener <NAME>", {
    description: "with --envoy-config: judge this listener, and not the first that forwards",
  }),
  control: choiceOption("--control <PARTS>", {
    description: "what of ours the gateway uses: the addresses are printed",
    choices: ["none", "upstream", "policy", "both"],
    default: "none",
  }),
  allowHeader: repeated(textOption("--allow-header <HEADER>", {
    description: "'name: value' of a credential that is allowed",
  })),
  denyHeader: repeated(textOption("--deny-header <HEADER>", {
    description: "'name: value' of a credential that is refused",
  })),
  dialect: dialectOption,
  model: textOption("--model <NAME>", {
    description: "model to ask for",
    default: "gpt-4o-mini",
  }),
  maxRequests: integerOption("--max-requests <N>", {
    description: "requests that a model server given by --upstream may cost",
    min: 1,
    default: 60,
  }),
  policyPort: portOption("--policy-port <PORT>", {
    description: "our policy engine, for --gateway",
    default: DEFAULT_PORTS.policy,
  }),
  upstreamPort: portOption("--upstream-port <PORT>", {
    description: "our upstream, for --gateway; with --profile router, the first of three in a row",
    default: DEFAULT_PORTS.upstream,
  }),
  ...JUDGE_FLAGS,
  standIn: flagOption("--stand-in", {
    description:
      "with --envoy-config: run the processors, rate-limit services and key servers that it asks",
  }),
  ...DECLARED_OPTIONS,
};

/** The values of the flags above, and of those that start a stack. */
export interface CheckTargetOptions extends StartOptions, DeclaredOptions {
  /** One, which is judged alone, too. */
  readonly upstream?: string | undefined;
  readonly upstreamKeyEnv?: string | undefined;
  readonly gateway: string | undefined;
  readonly envoyConfig: string | undefined;
  readonly listener: string | undefined;
  readonly standIn: boolean;
  readonly control: "none" | "upstream" | "policy" | "both";
  readonly dialect: DialectPair | undefined;
  readonly allowHeader: readonly string[];
  readonly denyHeader: readonly string[];
  readonly model: string;
  readonly maxRequests: number;
  readonly policyPort: number;
  readonly upstreamPort: number;
}

/** A target, and the cases that it can be asked. */
export interface CheckTarget extends AsyncDisposable {
  readonly target: Target;
  readonly cases: readonly Case[];
}

/** Credentials that the flags give. */
export function credentialsOf(
  options: Pick<CheckTargetOptions, "allowHeader" | "denyHeader">,
): Credentials | undefined {
  if (options.allowHeader.length === 0) return undefined;
  const deny = options.denyHeader.map((text) => headerOf(text, "--deny-header"));
  return {
    allow: options.allowHeader.map((text) => headerOf(text, "--allow-header")),
    ...(deny.length > 0 && { deny }),
  };
}

/** Features that may be missing when nothing is routed. */
export const NOT_FOUND =
  "Probe: the gateway answers 404: its routes may want another host (--host-name) or path (--base-path)";
