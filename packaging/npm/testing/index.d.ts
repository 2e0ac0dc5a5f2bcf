/** A reply: a text, or its fields (docs/upstream.md, "What a scenario answers"). */
export type Reply = string | {
  text?: string;
  chunks?: number | string[];
  reasoning?: string;
  tool_calls?: {
    name: string;
    id?: string;
    arguments?: Record<string, unknown> | string;
    input?: string;
  }[];
  refusal?: string;
  embedding?: number[];
  images?: { url?: string; b64_json?: string; revised_prompt?: string }[];
  audio?: string;
  finish?: "stop" | "length" | "tool_calls" | "content_filter";
  usage?: { input?: number; output?: number; cached?: number; reasoning?: number };
  pace?: string;
  abort?: "fin" | "rst" | "bad_chunk" | "short_length" | "garbage" | "tcp_rst" | "goaway";
  after?: number;
};

/** An error: its status, or its fields. */
export type ErrorAnswer = number | {
  status: number;
  message?: string;
  type?: string;
  code?: string;
  param?: string;
  retry_after?: number;
};

/** Conditions of a scenario; texts may be `/expressions/`. */
export interface Match {
  model?: string;
  last_message?: string;
  user?: string;
  system?: string | string[];
  tools?: boolean | string | string[];
  tool_result?: boolean | string;
  tool_call_id?: string;
  turn?: number;
  replies?: number;
  images?: boolean | number;
  stream?: boolean;
  json?: boolean;
  dialect?: "openai" | "anthropic" | "gemini";
  path?: string;
  method?: string;
  headers?: Record<string, string>;
}

/** One step of a script (docs/upstream.md, "Scripts"). */
export type Step = Record<string, unknown>;

/** One answer of a sequence. */
export type Answer = "ok" | number | { reply: Reply } | { error: ErrorAnswer } | { steps: Step[] };

/** One request, as the mock saw it. */
export interface Exchange {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  /** By lower-case name; credentials are redacted. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body, or its text; undefined when it is longer than 16 KiB. */
  // deno-lint-ignore no-explicit-any -- what was sent, whatever it is
  readonly body: any;
  readonly status?: number;
  readonly script?: string;
  readonly events: number;
  readonly bytesWritten: number;
  readonly end?: "completed" | "client-fin" | "client-rst" | "h2-rst" | "aborted";
  /** Whether the client left before the end. */
  readonly cancelled: boolean;
}

/** Something that runs until it is closed, or until this process ends. */
export interface Running extends AsyncDisposable {
  close(): Promise<void>;
}

/** The mock model server. */
export interface Upstream extends Running {
  readonly url: string;
  /** `url` with `/v1`: the base URL of OpenAI's clients. */
  readonly baseURL: string;
  reply(reply: Reply, match?: Match): Promise<void>;
  error(error: ErrorAnswer, match?: Match): Promise<void>;
  answers(answers: Answer[], match?: Match): Promise<void>;
  steps(steps: Step[], match?: Match): Promise<void>;
  scenario(
    scenario: {
      match?: Match;
      reply?: Reply;
      error?: ErrorAnswer;
      answers?: Answer[];
      steps?: Step[];
    },
    name?: string,
  ): Promise<void>;
  reset(): Promise<void>;
  requests(): Promise<Exchange[]>;
  asked(times?: number): Promise<Exchange[]>;
  cancelled(): Promise<Exchange>;
}

/** Options of everything that is started. */
export interface StartOptions {
  /** A binary to run in place of the installed package. */
  command?: string;
}

/** Starts the mock model server on a free port. */
export function startUpstream(
  options?: StartOptions & {
    /** A folder of scenario files. */
    scenarios?: string;
    /** A request that no scenario answers is an error that names the nearest one. */
    strict?: boolean;
    /** `ttft=50,itl=20` for instance; as fast as possible without it. */
    pace?: string;
    models?: string[];
  },
): Promise<Upstream>;

/** Starts the policy stub (ext_authz over gRPC) on a free port. */
export function startPolicy(
  options?: StartOptions & { rules?: string },
): Promise<Running & { readonly address: string }>;

/** Starts policy, mock upstream and a real Envoy on free ports. */
export function startGateway(
  options?: StartOptions & {
    rules?: string;
    scenarios?: string;
    /** `host:port` of your ext_authz engine. */
    policy?: string;
    /** URL of your model server. */
    upstream?: string;
    envoyPath?: string;
  },
): Promise<
  Running & {
    readonly url: string;
    readonly baseURL: string;
    /** The mock behind it, unless `upstream` named another one. */
    readonly upstream: Upstream | undefined;
    readonly ready: Record<string, unknown>;
  }
>;
