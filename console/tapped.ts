/** Content of a request as a tap keeps it, for the console to show. */
import type { Tokens } from "../service/mod.ts";

/** Copies of one request's traffic. Times are `now()` of service/, milliseconds. Changed while it runs. */
export interface Tapped {
  readonly requestId: string;
  readonly receivedAt: number;
  readonly request: string;
  readonly status: number | undefined;
  readonly model: string | undefined;
  readonly tokens: Tokens | undefined;
  readonly events: readonly { readonly at: number; readonly text: string }[];
  readonly leftOut: number;
  readonly endedAt: number | undefined;
}

/** A tap that the console listens to. */
export interface TapSource {
  entries(): Iterable<Tapped>;
  /** Calls `listener` with each request of which something passed for the first time, until disposed. */
  subscribe(listener: (tapped: Tapped) => void): Disposable;
}
