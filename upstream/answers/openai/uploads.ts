/** Endpoints that take or give files: transcriptions, translations, speech, files. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { formatSseEvent } from "../../../openai/mod.ts";
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, formOf, reply } from "../answer.ts";
import { parseBody } from "../request_body.ts";
import type { FormFile } from "../multipart.ts";
import { countTokens, tokenize } from "../text.ts";

/**
 * `POST /v1/audio/transcriptions` and `/v1/audio/translations`: the text names the file with its
 * size and SHA-256, so that a test sees whether the bytes arrived.
 */
export function transcribe(call: EndpointCall): Answer {
  const form = formOf(call);
  const file = form.file("file");
  checkModel(form.text("model"), call);
  const { size, sha256 } = echoOf(file);
  const text = call.reply?.text ?? `Received ${file.filename}, ${size} bytes, sha256 ${sha256}`;
  const usage = {
    type: "tokens",
    input_tokens: 1,
    output_tokens: countTokens(text),
    total_tokens: 1 + countTokens(text),
  };
  if (form.optional("stream") === "true") return { kind: "events", events: events() };
  const format = form.optional("response_format") ?? "json";
  if (format === "text" || format === "srt" || format === "vtt") {
    const bytes = new TextEncoder().encode(captions(format, text));
    return { kind: "whole", contentType: "text/plain; charset=utf-8", body: bytes, paced: true };
  }
  if (format === "verbose_json") {
    const segment = {
      id: 0,
      seek: 0,
      start: 0,
      end: 1,
      text,
      tokens: [],
      temperature: 0,
      avg_logprob: 0,
      compression_ratio: 1,
      no_speech_prob: 0,
    };
    return reply({
      task: "transcribe",
      language: "english",
      duration: 1,
      text,
      segments: [segment],
      usage: { type: "duration", seconds: 1 },
    });
  }
  return reply({ text, usage });

  function* events(): Generator<StreamEvent> {
    let first = true;
    for (const delta of tokenize(text)) {
      const data = { type: "transcript.text.delta", delta };
      yield new StreamEvent(formatSseEvent({ data }), first ? "first" : "next");
      first = false;
    }
    yield new StreamEvent(formatSseEvent({ data: { type: "transcript.text.done", text, usage } }));
  }
}

const SPEECH = z.looseObject({
  model: z.string().min(1),
  input: z.string().min(1),
  voice: z.union([z.string(), z.looseObject({ id: z.string() })]),
});

/** One second of silence: 8 kHz, 8 bit, mono. */
const SAMPLES = 8000;

/** `POST /v1/audio/speech`: a valid WAV file, the same for the same request. */
export function speech(call: EndpointCall): Answer {
  checkModel(parseBody(SPEECH, call.body).model, call);
  const given = call.reply?.audio;
  if (given !== undefined) {
    const body = Buffer.from(given, "base64");
    return { kind: "whole", contentType: "audio/mpeg", body, paced: true };
  }
  const bytes = new Uint8Array(44 + SAMPLES).fill(128, 44);
  const view = new DataView(bytes.buffer);
  const ascii = (at: number, text: string) => {
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  };
  ascii(0, "RIFF");
  view.setUint32(4, 36 + SAMPLES, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, SAMPLES, true);
  view.setUint32(28, SAMPLES, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  ascii(36, "data");
  view.setUint32(40, SAMPLES, true);
  return { kind: "whole", contentType: "audio/wav", body: bytes, paced: true };
}

/** `POST /v1/files`: the file object, with the SHA-256 of what arrived as an extra field. */
export function files(call: EndpointCall): Answer {
  const form = formOf(call);
  const file = form.file("file");
  const purpose = form.text("purpose");
  const { size, sha256 } = echoOf(file);
  return reply({
    id: `file-${sha256.slice(0, 24)}`,
    object: "file",
    bytes: size,
    created_at: createdOf(call.random),
    filename: file.filename,
    purpose,
    status: "processed",
    sha256,
    ...(file.contentType === undefined ? {} : { content_type: file.contentType }),
  });
}

function echoOf(file: FormFile): { size: number; sha256: string } {
  return {
    size: file.bytes.length,
    sha256: createHash("sha256").update(file.bytes).digest("hex"),
  };
}

function captions(format: "text" | "srt" | "vtt", text: string): string {
  if (format === "srt") return `1\n00:00:00,000 --> 00:00:01,000\n${text}\n`;
  if (format === "vtt") return `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${text}\n`;
  return `${text}\n`;
}
