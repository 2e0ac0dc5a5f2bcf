/** Envoy's response flags in words. */

/** Words for each flag (Access logging, "%RESPONSE_FLAGS%"). */
const WORDS: Readonly<Record<string, string>> = {
  DC: "client left",
  DF: "no name found",
  DI: "delayed by a fault",
  DO: "dropped: overload",
  DPE: "client broke the protocol",
  DR: "client reset",
  DT: "connection too old",
  FI: "failed by a fault",
  IH: "invalid header",
  LH: "health check failed",
  LR: "reset by Envoy",
  NC: "no such cluster",
  NFCF: "no filter configuration",
  NR: "no route",
  OM: "dropped: overload",
  RFCF: "response from cache",
  RL: "rate limited",
  RLSE: "rate limit service failed",
  SI: "stream idle too long",
  UAEX: "refused by policy",
  UC: "upstream closed the connection",
  UF: "upstream not reachable",
  UH: "no healthy upstream",
  UMSDR: "stream too long",
  UO: "too many requests to upstream",
  UPE: "upstream broke the protocol",
  UR: "upstream reset",
  URX: "retries used up",
  UT: "upstream too slow",
};

/** Returns the flags of a log line in words; undefined without any. */
export function flagWords(flags: string | undefined): string | undefined {
  const given = (flags ?? "-").split(",").filter((flag) => flag !== "-" && flag !== "");
  return given.length === 0 ? undefined : given.map((flag) => WORDS[flag] ?? flag).join(", ");
}
