/** `POST /v1/images/generations`, `edits` and `variations`, in shape: an image of one pixel (API reference, "Images"). */
import { z } from "zod";
import { type Answer, checkModel, createdOf, type EndpointCall, formOf, reply } from "../answer.ts";
import { parseBody } from "../request_body.ts";
import { countTokens } from "../text.ts";

const IMAGES = z.looseObject({
  prompt: z.string().min(1),
  model: z.string().optional(),
  n: z.number().int().min(1).max(10).nullish(),
  response_format: z.enum(["url", "b64_json"]).nullish(),
});

/** A PNG of one grey pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** Answers a request for new images. */
export function images(call: EndpointCall): Answer {
  const request = parseBody(IMAGES, call.body);
  if (request.model !== undefined) checkModel(request.model, call);
  return answer(call, request.prompt, request.n ?? 1, request.response_format ?? "b64_json");
}

/** Answers a request for images after one that is sent. */
export function editImages(call: EndpointCall): Answer {
  const form = formOf(call);
  form.file("image");
  const count = Number(form.optional("n") ?? 1);
  return answer(call, form.optional("prompt") ?? "", count, form.optional("response_format"));
}

function answer(
  call: EndpointCall,
  prompt: string,
  count: number,
  format: string | undefined,
): Answer {
  const image = format === "url" ? { url: `data:image/png;base64,${PIXEL}` } : { b64_json: PIXEL };
  const input_tokens = countTokens(prompt);
  return reply({
    created: createdOf(call.random),
    data: call.reply?.images ??
      Array.from({ length: count }, () => ({ ...image, revised_prompt: prompt })),
    usage: {
      input_tokens,
      input_tokens_details: { text_tokens: input_tokens, image_tokens: 0 },
      output_tokens: count,
      total_tokens: input_tokens + count,
    },
  });
}
