/** The endpoint `/v1/moderations`. */
import { z } from "zod";
import { type Answer, type EndpointCall, reply } from "../answer.ts";
import { parseBody } from "../request_body.ts";

const MODERATIONS = z.looseObject({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(z.union([z.string(), z.looseObject({ type: z.string() })]))]),
});

/** OpenAI's categories (API reference, "Moderations"). */
const CATEGORIES = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/instructions",
  "self-harm/intent",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
] as const;

/** An input that holds this word is flagged as violence, so that both verdicts can be had. */
const FLAG_WORD = /\bmock-flag\b/;

/** `POST /v1/moderations`: nothing is flagged but what holds the word `mock-flag`. */
export function moderations(call: EndpointCall): Answer {
  const request = parseBody(MODERATIONS, call.body);
  const { random } = call;
  const inputs = typeof request.input === "string" ? [request.input] : request.input;
  const results = inputs.map((input) => {
    const flagged = FLAG_WORD.test(typeof input === "string" ? input : JSON.stringify(input));
    const each = <T>(value: (category: string) => T) =>
      Object.fromEntries(CATEGORIES.map((category) => [category, value(category)]));
    return {
      flagged,
      categories: each((category) => flagged && category === "violence"),
      category_scores: each((category) =>
        flagged && category === "violence" ? 0.99 : Math.round(random.next() * 100) / 1e6
      ),
      category_applied_input_types: each(() => ["text"]),
    };
  });
  return reply({
    id: `modr-${random.hex(32)}`,
    model: request.model ?? "omni-moderation-latest",
    results,
  });
}
