/** The shape of a source of Envoy. */
import type { Env } from "./cache.ts";
import type { Platform } from "./platform.ts";
import type { OnProgress } from "./progress.ts";

/** A request to a source. */
export interface FetchRequest {
  readonly version: string;
  readonly platform: Platform;
  /** Folder for whatever the source needs; it is removed afterwards. */
  readonly scratch: string;
  readonly env: Env;
  readonly onProgress: OnProgress | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Somewhere that Envoy can be downloaded from. */
export interface EnvoySource {
  /** Its name for people: `func-e's index (https://…)`. */
  readonly name: string;
  /** Needs no network, so that it is asked with `offline` too: an Envoy that the binary carries. */
  readonly local?: boolean;
  /**
   * Downloads and checks an Envoy and returns the path of the executable in the scratch folder.
   * Rejects with what the source answered; the message stands in the list of sources tried.
   */
  fetch(request: FetchRequest): Promise<string>;
}

/** How long a source may take to answer at all, in milliseconds. Then the next one is asked. */
export const ANSWER_MS = 4_000;
/** How long a download may stand still, in milliseconds. */
export const STALL_MS = 15_000;
