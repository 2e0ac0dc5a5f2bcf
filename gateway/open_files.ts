/** Counts the open files that a gateway needs against the system's limit. */
import { openFilesLimit } from "../service/mod.ts";
import type { Profile } from "./profile.ts";

/** Parts of a profile that its open files are counted by. */
export type Counted = Pick<Profile, "name" | "filesPerStream">;

/**
 * Files of a gateway's busiest process before its first stream: 34 to 44 of each profile's on 2 cores, and a few more for
 * each further core.
 */
const AT_REST = 128;

/** Envoy's two ends of a stream over HTTP/1.1, client and upstream. */
const PER_STREAM = 2;

/** Streams at once below which a start says that files are few. */
const USUAL_STREAMS = 1_000;

/** Returns how many files the busiest process of a profile has open for a number of streams over HTTP/1.1. */
export function filesFor(profile: Counted, streams: number): number {
  return AT_REST + streams * (profile.filesPerStream ?? PER_STREAM);
}

/** Returns how many streams over HTTP/1.1 a limit of open files has room for. */
export function streamsWithin(profile: Counted, limit: number): number {
  return Math.max(0, Math.floor((limit - AT_REST) / (profile.filesPerStream ?? PER_STREAM)));
}

/** Returns a line for the log when a limit is low for a profile, else undefined. */
export function fewFiles(
  profile: Counted,
  limit = openFilesLimit(),
): string | undefined {
  const wanted = filesFor(profile, USUAL_STREAMS);
  if (limit >= wanted) return undefined;
  return `${limit} open files (ulimit -n) have room for about ${
    streamsWithin(profile, limit)
  } streams of the profile "${profile.name}" at once: ${USUAL_STREAMS} want ulimit -n ${wanted}`;
}
