/** Reports how far a download is. */
import { now } from "../../service/mod.ts";

/** How far a download is. */
export interface Progress {
  /** Where it comes from, in words. */
  readonly source: string;
  readonly receivedBytes: number;
  /** Absent where the source does not say. */
  readonly totalBytes?: number;
  readonly bytesPerSecond: number;
  /** The last report: everything has arrived, or, short of `totalBytes`, the download broke off. */
  readonly done: boolean;
}

/** Called about ten times a second while something is downloaded, and once at its end. */
export type OnProgress = (progress: Progress) => void;

const REPORT_EVERY_MS = 100;

/** Turns counts of bytes into reports with a rate. */
export class ProgressMeter {
  readonly #source: string;
  readonly #onProgress: OnProgress | undefined;
  readonly #started = now();
  #reported = 0;
  #received = 0;
  totalBytes: number | undefined;

  constructor(source: string, onProgress: OnProgress | undefined) {
    this.#source = source;
    this.#onProgress = onProgress;
  }

  /** Says that `bytes` have arrived in all. */
  update(bytes: number): void {
    this.#received = bytes;
    if (now() - this.#reported < REPORT_EVERY_MS) return;
    this.#reported = now();
    this.#report(false);
  }

  /** Says that no more will arrive. */
  finish(): void {
    this.#report(true);
  }

  #report(done: boolean): void {
    const seconds = Math.max(now() - this.#started, 1) / 1000;
    this.#onProgress?.({
      source: this.#source,
      receivedBytes: this.#received,
      bytesPerSecond: Math.round(this.#received / seconds),
      done,
      ...(this.totalBytes === undefined ? {} : { totalBytes: this.totalBytes }),
    });
  }
}
