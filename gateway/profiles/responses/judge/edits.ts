/** Defects of a Responses gateway as edits of what passes through a front before a correct one. */
import type { Mutant } from "../../../../mutants/mod.ts";
import type { FrontTampering, Json } from "./front.ts";

/** A broken Responses gateway: one planted defect, and the cases that must notice it. */
export interface ResponsesMutant extends Mutant {
  /** A front before the Responses gateway, and its defect. */
  readonly front?: FrontTampering;
}

/** Edits what is, or holds, a response. */
export function responseIn(edit: (response: Json) => void): FrontTampering {
  return {
    json: (body: Json) => {
      if (body?.object === "response") edit(body);
    },
    event: (event: Json) => {
      if (event.response !== undefined) edit(event.response);
      return [event];
    },
  };
}

/** Edits each item of the output. */
export function itemIn(edit: (item: Json) => void): FrontTampering {
  return responseIn(({ output }) => output?.forEach(edit));
}

/** Edits the body of a request for a response. */
export function requestIn(edit: (body: Json) => void): FrontTampering {
  return {
    request: ({ body }) => {
      if (body?.model !== undefined) edit(body);
    },
  };
}
