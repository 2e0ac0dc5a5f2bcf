/** Which of a route's weighted targets takes a request. */
import { createHash } from "node:crypto";
import type { Route, Target } from "./route_table.ts";

/** Bytes of a hash that make a fraction: 48 bits, which a number holds exactly. */
const BYTES = 6;

/**
 * Returns the target for a request id: always the same one for the same id and weights, and over
 * many ids each as often as its weight says.
 */
export function targetFor({ name, targets }: Route, requestId: string): Target {
  const [only] = targets;
  // The table has no route without a target.
  if (targets.length <= 1) return only as Target;
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  // The route's name is part of it, so that two routes do not send the same ids to their canaries.
  const hash = createHash("sha256").update(`${name}\0${requestId}`).digest();
  let left = hash.readUIntBE(0, BYTES) / 2 ** (8 * BYTES) * total;
  return targets.find(({ weight }) => (left -= weight) < 0) as Target;
}
