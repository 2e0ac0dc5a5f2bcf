/** The endpoint `/v1/embeddings`. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { Random } from "../random.ts";
import { type Answer, checkModel, type EndpointCall, reply } from "../answer.ts";
import { RequestError } from "../request_error.ts";
import { parseBody } from "../request_body.ts";
import { countTokens } from "../text.ts";

const EMBEDDINGS = z.looseObject({
  model: z.string().min(1),
  input: z.union([
    z.string(),
    z.array(z.string()),
    z.array(z.number()),
    z.array(z.array(z.number())),
  ]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.number().int().min(1).max(8192).nullish(),
});

/** Size of `text-embedding-3-small`'s vectors. */
const DEFAULT_DIMENSIONS = 1536;
/** Inputs that one request may hold (API reference, "Embeddings"). */
const INPUT_LIMIT = 2048;

/** `POST /v1/embeddings`: unit vectors that depend on the input alone. */
export function embeddings(call: EndpointCall): Answer {
  const request = parseBody(EMBEDDINGS, call.body);
  checkModel(request.model, call);
  const inputs = inputsOf(request.input);
  if (inputs.length === 0 || inputs.length > INPUT_LIMIT) {
    throw new RequestError(
      `Invalid value for 'input': expected 1 to ${INPUT_LIMIT} inputs.`,
      { param: "input", code: "invalid_value" },
    );
  }
  const dimensions = request.dimensions ?? DEFAULT_DIMENSIONS;
  const data = inputs.map((input, index) => {
    const given = call.reply?.embedding;
    const vector = given ? new Float32Array(given) : vectorOf(input, dimensions);
    const embedding = request.encoding_format === "base64"
      ? Buffer.from(vector.buffer).toString("base64")
      : given ?? [...vector];
    return { object: "embedding", index, embedding };
  });
  const tokens = inputs.reduce((sum, input) => sum + countTokens(input), 0);
  return reply({
    object: "list",
    data,
    model: request.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

function inputsOf(input: z.infer<typeof EMBEDDINGS>["input"]): string[] {
  if (typeof input === "string") return [input];
  if (input.every((part) => typeof part === "string")) return input;
  if (input.every((part) => typeof part === "number")) return [input.join(" ")];
  return input.map((part) => (part as number[]).join(" "));
}

/** Coordinates that a word moves, and by how much an input differs from another one with the same words. */
const WORD_COORDINATES = 8;
const OWN_SHARE = 0.05;

/**
 * The same input gives the same vector in every request; length 1, as OpenAI's have. Inputs that share words are alike,
 * so that a search over them can be tried: each word moves a few coordinates, which its hash names.
 */
export function vectorOf(input: string, dimensions: number): Float32Array {
  const random = new Random(sha256(input).toString("hex"));
  const vector = new Float32Array(dimensions).map(() => OWN_SHARE * random.normal());
  for (const word of input.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const hash = sha256(word);
    for (let at = 0; at < 4 * WORD_COORDINATES; at += 4) {
      const coordinate = hash.readUInt32LE(at);
      const index = (coordinate >>> 1) % dimensions;
      vector[index] = (vector[index] ?? 0) + (coordinate & 1 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
