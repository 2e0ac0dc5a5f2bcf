import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { Random } from "../random.ts";
import { type Answer, checkModel, type EndpointCall, reply, RequestError } from "./answer.ts";
import { parseBody } from "./chat_request.ts";
import { countTokens } from "./text.ts";

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
  checkModel(request.model, call.models);
  const inputs = inputsOf(request.input);
  if (inputs.length === 0 || inputs.length > INPUT_LIMIT) {
    throw new RequestError(
      `Invalid value for 'input': expected 1 to ${INPUT_LIMIT} inputs.`,
      { param: "input", code: "invalid_value" },
    );
  }
  const dimensions = request.dimensions ?? DEFAULT_DIMENSIONS;
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions);
    const embedding = request.encoding_format === "base64"
      ? Buffer.from(vector.buffer).toString("base64")
      : [...vector];
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

/** The same input gives the same vector in every request; length 1, as OpenAI's have. */
function vectorOf(input: string, dimensions: number): Float32Array {
  const random = new Random(createHash("sha256").update(input).digest("hex"));
  const vector = new Float32Array(dimensions);
  let square = 0;
  for (let i = 0; i < dimensions; i++) {
    const value = random.normal();
    vector[i] = value;
    square += value * value;
  }
  const length = Math.sqrt(square) || 1;
  for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}
