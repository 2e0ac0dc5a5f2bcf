/** Parts of messages and of tools' outputs, as chat completions have them. Pure. */
import type { ContentPart } from "../../openai/mod.ts";
import { invalidRequest } from "../api/errors.ts";
import { jsonText } from "../api/json_text.ts";

type Part = Readonly<Record<string, unknown>>;

const textPart = ({ text }: Part): Part => ({ type: "text", text: jsonText(text) });

/** How each part is passed on. */
const PARTS: Readonly<Record<string, (part: Part) => Part>> = {
  input_text: textPart,
  output_text: textPart,
  text: textPart,
  summary_text: textPart,
  reasoning_text: textPart,
  refusal: ({ refusal }) => ({ type: "text", text: jsonText(refusal) }),
  input_image: imagePart,
  image_url: imagePart,
  computer_screenshot: imagePart,
  input_file: filePart,
  file: filePart,
  input_audio: (part) => part,
};

/**
 * Returns the parts of a content; a text is one part.
 *
 * @throws {ApiError} 400 for a part that cannot be passed on
 */
export function partsOf(content: unknown): ContentPart[] {
  if (content === null || content === undefined) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return (Array.isArray(content) ? content : [content]).map((part) => partOf(part));
}

/** The text of parts, where they are nothing else; undefined otherwise. */
export function onlyText(parts: readonly ContentPart[]): string | undefined {
  if (!parts.every(({ type }) => type === "text")) return undefined;
  return parts.map(({ text }) => text ?? "").join("");
}

function partOf(given: unknown): ContentPart {
  if (typeof given === "string") return { type: "text", text: given };
  const part = (given ?? {}) as Part;
  const type = String(part["type"]);
  const write = Object.hasOwn(PARTS, type) ? PARTS[type] : undefined;
  if (write !== undefined) return write(part) as unknown as ContentPart;
  throw invalidRequest(
    `Cannot pass on a content part of type '${type}': expected ${Object.keys(PARTS).join(", ")}`,
    "input",
  );
}

function imagePart(part: Part): Part {
  const given = part["image_url"];
  const { url, detail } = (typeof given === "string" ? { url: given } : given ?? {}) as Part;
  if (typeof url !== "string" || !/^(data:|https?:)/.test(url)) {
    throw invalidRequest("An image needs 'image_url': a data: or http(s): URL", "input");
  }
  const wanted = detail ?? part["detail"];
  return { type: "image_url", image_url: { url, ...(wanted ? { detail: wanted } : {}) } };
}

function filePart(part: Part): Part {
  const nested = (part["file"] ?? part) as Part;
  if (typeof nested["file_data"] !== "string") {
    throw invalidRequest(
      "A file needs 'file_data' (base64) or the 'file_id' of an upload",
      "input",
    );
  }
  const filename = nested["filename"];
  return {
    type: "file",
    file: {
      file_data: nested["file_data"],
      filename: typeof filename === "string" ? filename : "file",
    },
  };
}
