/** Group `dialect`: requirements on a gateway when it translates between the wire formats of providers. */
import type { Case } from "../case.ts";
import { ASK_CASES } from "./asked_cases.ts";
import { ERROR_CASES, STREAM_CASES } from "./failure_cases.ts";
import { SAID_CASES } from "./said_cases.ts";

export type { DialectPair } from "./dialect_case.ts";

/** Every case of the group. */
export const DIALECT_CASES: readonly Case[] = [
  ...SAID_CASES,
  ...ASK_CASES,
  ...ERROR_CASES,
  ...STREAM_CASES,
];
