/** The part of a connection that its streams need. */
import type { Socket } from "node:net";
import type { Budget } from "./budget.ts";
import type { Ending } from "./closed_streams.ts";
import type { FrameWriter } from "./frames.ts";

/** A stream as its connection remembers it. */
export interface Carried {
  readonly id: number;
  /** Sends what the windows allow. */
  pump(): void;
}

/** The connection below a stream. */
export interface Carrier {
  readonly socket: Socket;
  /** Frames to send. */
  readonly out: FrameWriter;
  /** Budget of the peer. */
  readonly budget: Budget;
  /** Bytes that may still be sent on the whole connection. */
  sendWindow: number;
  /** The window that the peer grants each new stream. */
  readonly peerStreamWindow: number;
  /** The longest payload that the peer takes. */
  readonly peerMaxFrame: number;
  /** Whether no further stream will ever be opened here. */
  readonly retired: boolean;
  /** Sends what was gathered, now. */
  flush(): void;
  /** Sends what was gathered: now, or with everything else that the read at hand causes. */
  flushSoon(): void;
  /** Tells the peer to open no more streams here, and why; those that run go on. */
  goAway(code?: number, lastStream?: number, why?: string): void;
  /** Remembers a stream that waits for the connection's window. */
  block(stream: Carried): void;
  /** Forgets a stream that is closed on both sides. */
  forget(stream: Carried, ending: Ending): void;
  /** Charges the peer's budget; the connection ends when it is used up. */
  charge(points: number): void;
  /** Counts bytes that this process holds for the peer, or has let go when negative. */
  hold(bytes: number): void;
}
