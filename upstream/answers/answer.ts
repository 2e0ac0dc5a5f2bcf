/** Calls of endpoints, and their answers. */
import { type Dialect, errorIn, type ErrorInit } from "../../dialects/mod.ts";
import type { Random } from "./random.ts";
import type { StreamEvent } from "../load/stream_event.ts";
import { RequestError } from "./request_error.ts";
import type { Form } from "./multipart.ts";
import type { Reply } from "../../dialects/mod.ts";
import type { PlanUsage } from "./plan.ts";

/** Facts of an answer that the journal notes. */
export interface AnswerFacts {
  /** The model that was asked for. */
  readonly model?: string;
  /** Tokens, as the answer itself counts them. */
  readonly usage?: PlanUsage;
}

/** Answer of an endpoint; its writer paces it. */
export type Answer = AnswerFacts & AnswerBody;

type AnswerBody =
  | {
    readonly kind: "json";
    readonly status: number;
    readonly body: unknown;
    readonly headers?: readonly (readonly [string, string])[];
    /** Whether a model "thought" about it, so that it waits for the first token. */
    readonly paced: boolean;
  }
  | {
    readonly kind: "whole";
    /** Default 200. */
    readonly status?: number;
    readonly headers?: readonly (readonly [string, string])[];
    readonly contentType: string;
    /** Text goes out as UTF-8. */
    readonly body: Uint8Array | string;
    readonly paced: boolean;
  }
  | {
    readonly kind: "events";
    readonly events: Iterable<StreamEvent>;
    readonly headers?: readonly (readonly [string, string])[];
    /** Default: an event stream. */
    readonly contentType?: string;
  };

/** A call of an endpoint. Endpoints are pure: the same call gives the same answer. */
export interface EndpointCall {
  /** Parsed JSON body; `undefined` for requests without one. */
  readonly body: unknown;
  /** The form of an endpoint that takes files. */
  readonly form?: Form | undefined;
  /** The path as the table of endpoints has it, whatever prefix it came under. */
  readonly path: string;
  /** Values of the path for the table's `{names}`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly dialect: Dialect;
  /** Azure's additions are wanted. */
  readonly azure: boolean;
  /** Returns a request header by its lower-case name. */
  header(name: string): string | undefined;
  /** Seeded by path and body. */
  readonly random: Random;
  /** Model ids that exist; `undefined` when every name does. */
  readonly models: readonly string[] | undefined;
  /** Answer length in tokens, when the request forces one. */
  readonly tokens: number | undefined;
  /** A scenario's reply in place of a made-up answer. */
  readonly reply?: Reply | undefined;
}

/** Returns an error answer in the shape of a dialect. */
export function refuse(dialect: Dialect, status: number, init: ErrorInit): Answer {
  const { body, headers } = errorIn(dialect, status, init);
  return { kind: "json", status, body, headers, paced: false };
}

/** Returns a JSON answer that took a model's time, and its tokens. */
export function reply(body: unknown, usage?: PlanUsage): Answer {
  return { kind: "json", status: 200, body, paced: true, ...(usage && { usage }) };
}

/** Returns the form of an endpoint that takes files. */
export function formOf({ form }: EndpointCall): Form {
  if (form) return form;
  throw new TypeError("Cannot read the form: the route does not say that its body is one");
}

/** Seconds since the epoch that "created" fields count from, so that no clock is read. */
const EPOCH = 1_700_000_000;
const YEAR = 31_536_000;

/** Returns a creation time that follows from the request. */
export function createdOf(random: Random): number {
  return EPOCH + random.below(YEAR);
}

/** Each dialect's error for a model that does not exist. */
const UNKNOWN_MODEL: Readonly<Record<Dialect, (model: string) => string>> = {
  openai: (model) => `The model \`${model}\` does not exist or you do not have access to it.`,
  anthropic: (model) => `model: ${model}`,
  gemini: (model) =>
    `models/${model} is not found for API version v1beta, or is not supported for generateContent. ` +
    "Call ListModels to see the list of available models and their supported methods.",
};

/**
 * Checks that a model exists, when models are restricted.
 *
 * @throws {RequestError} 404 `model_not_found`, as the dialect says it
 */
export function checkModel(
  model: string,
  { models, dialect }: Pick<EndpointCall, "models" | "dialect">,
): void {
  if (!models || models.includes(model)) return;
  throw new RequestError(UNKNOWN_MODEL[dialect](model), {
    status: 404,
    param: "model",
    code: "model_not_found",
  });
}
