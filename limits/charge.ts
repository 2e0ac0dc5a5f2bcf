/**
 * Computes the cost of an answer from the facts that Envoy knows at its end. Where the usage is missing, an
 * estimate takes its place: nothing is free because nobody counted.
 */
import { NANO } from "./budget.ts";
import type { LimitsFile, Price } from "./limits_schema.ts";

/** Facts of Envoy about an answer that has ended. */
export interface AnswerFacts {
  /** 0 when the client left before there was any. */
  readonly status: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** As the answer itself says; undefined when it does not. */
  readonly usage?: { readonly input: number; readonly output: number; readonly total: number };
  /** The model that answered, or was asked for. */
  readonly model?: string;
}

/** An answer's price. */
export interface Charge {
  readonly tokens: number;
  /** Billionths of a US dollar; whole. */
  readonly cost: number;
  /** Where the tokens come from: the answer's own usage, an estimate, or an answer that costs nothing. */
  readonly source: "usage" | "estimate" | "free";
}

/**
 * Bytes that are counted as one token where no usage was seen. English text has about four
 * characters a token (OpenAI, "What are tokens"); JSON and SSE around it make the estimate dear.
 */
export const BYTES_PER_TOKEN = 4;

/** Requests whose size says nothing about tokens: files, recordings, pictures. */
const UPLOADS = /^\/v1\/(files|uploads|audio\/(transcriptions|translations)|images)(\/|$)/;
/** Answers of which the same is true. */
const DOWNLOADS = /^\/v1\/(audio\/speech|images)(\/|$)/;

/** Methods that have nothing generated: safe ones (RFC 9110, section 9.2.1) and DELETE. An answer read again was paid. */
const FREE = new Set(["GET", "HEAD", "OPTIONS", "DELETE"]);

/**
 * Returns what an answer is charged. Errors (4xx, 5xx) and requests that only read or delete are free. Without
 * usage, the bytes of request and answer are counted, by {@linkcode BYTES_PER_TOKEN}, but for those of
 * files, recordings and pictures.
 */
export function chargeOf(facts: AnswerFacts, prices: LimitsFile["prices"]): Charge {
  const { status, method, usage } = facts;
  if (status >= 400 || FREE.has(method)) return { tokens: 0, cost: 0, source: "free" };
  const { input, output, total } = usage ?? estimate(facts);
  const price = priceOf(facts.model, prices);
  // Dollars per million tokens are thousands of billionths per token.
  const cost = price === undefined
    ? 0
    : Math.ceil((input * price.input + output * price.output) * (NANO / 1e6));
  return { tokens: total, cost, source: usage === undefined ? "estimate" : "usage" };
}

function estimate(facts: AnswerFacts): { input: number; output: number; total: number } {
  const { requestBytes, responseBytes, path } = facts;
  const input = UPLOADS.test(path) ? 0 : Math.ceil(requestBytes / BYTES_PER_TOKEN);
  const output = DOWNLOADS.test(path) ? 0 : Math.ceil(responseBytes / BYTES_PER_TOKEN);
  return { input, output, total: input + output };
}

/** The price of a model: its own, that of its name without a date (`gpt-4o-2024-08-06`), or the default. */
export function priceOf(
  model: string | undefined,
  prices: LimitsFile["prices"],
): Price | undefined {
  const undated = model?.replace(/-\d{4}-?\d{2}-?\d{2}$/, "");
  const name = [model, undated].find((one) => one !== undefined && Object.hasOwn(prices, one));
  return prices[name ?? "default"];
}
