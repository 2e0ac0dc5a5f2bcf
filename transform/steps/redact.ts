/** The step `redact`: personal data and secrets, out of requests and answers, streamed ones too. */
import { loadModule } from "../../service/mod.ts";
import { type Finder, patternFinder } from "../detect/detectors.ts";
import { byTag, redact, type Replace, StreamRedactor, TagMap } from "../detect/redactor.ts";
import { isJsonText, unescaped, unescaping } from "../detect/unescaped.ts";
import type { AnswerHandler, RequestDraft, Step } from "../exchange.ts";
import { filterTexts } from "../text_streams.ts";
import { type Change, mapPlain, mapTexts } from "../texts.ts";
import type { StepFile } from "../transform_schema.ts";
import { inScope, isFor } from "./when.ts";

type Settings = NonNullable<StepFile["redact"]>;

/** Returns the step. National phone numbers need context, so they are found in whole texts alone. */
export async function redactStep(settings: Settings): Promise<Step> {
  const patterns = [patternFinder(settings.detect)];
  let finders = (): readonly Finder[] => patterns;
  let streamed = finders;
  if (settings.detect.includes("phone")) {
    const { countryPhoneFinder, phoneFinder } = await loadModule<
      typeof import("../detect/phones.ts")
    >(
      "transform/detect/phones.ts",
    );
    finders = () => [...patterns, phoneFinder(settings.country)];
    streamed = () => [...patterns, countryPhoneFinder()];
  }
  const inAnswers = settings.in.includes("response");
  return {
    mustRead: (draft) => settings.in.includes("request") && inScope(settings.when, draft),
    request(draft) {
      if (!isFor(settings.when, draft)) return undefined;
      const tags = settings.replace === "reversible" ? new TagMap() : undefined;
      if (settings.in.includes("request")) {
        redactRequest(draft, finders(), tags?.replace ?? byTag);
        if (tags !== undefined && !tags.isEmpty) draft.isPrivate = true;
      }
      if (tags !== undefined) return tags.isEmpty ? undefined : { handler: restoring(tags) };
      return inAnswers ? { handler: redacting(finders(), streamed) } : undefined;
    },
  };
}

function redactRequest(draft: RequestDraft, finders: readonly Finder[], replace: Replace): void {
  if (draft.json === undefined) return;
  const next = mapTexts(draft.json, changeBy(finders, replace));
  if (next === undefined) return;
  Object.assign(draft.json, next);
  draft.changed = true;
}

/** Redacts answers; each text of a stream has finders of its own. */
function redacting(finders: readonly Finder[], streamed: () => readonly Finder[]): AnswerHandler {
  const whole = changeBy(finders);
  const inStream: Change = (text, key) => changeBy(streamed())(text, key);
  return {
    mustRead: true,
    whole: (json) => mapTexts(json, whole),
    plain: (text) => mapPlain(text, whole),
    aside: (text) => inStream(text, ""),
    ...filterTexts((key) => {
      const filter = new StreamRedactor(streamed());
      return isJsonText(key) ? unescaping(filter) : filter;
    }, inStream),
  };
}

/** Returns a redaction of texts; those that are JSON are read with their escapes, and stay as they are without a hit. */
function changeBy(finders: readonly Finder[], replace: Replace = byTag): Change {
  return (text, key) => {
    const plain = isJsonText(key) && text.includes("\\") ? unescaped(text) : text;
    const next = redact(plain, finders, replace);
    return next === plain ? text : next;
  };
}

/** Restores in the answer what was removed from the client's own request. */
function restoring(tags: TagMap): AnswerHandler {
  const whole = (text: string) => tags.restore(text);
  return {
    isLast: true,
    mustRead: true,
    whole: (json) => mapTexts(json, whole),
    plain: (text) => mapPlain(text, whole),
    ...filterTexts(() => tags.stream(), whole),
  };
}
