/** Load on several sides of a comparison, in turn, so that a drift of the machine's speed meets all alike. */
import type { Effort } from "./gateway_rows.ts";
import { type LoadResult, wrk } from "./load.ts";
import { median, type Row } from "./row.ts";

/** A side of a comparison: what is asked there again and again. */
export interface Side {
  readonly name: string;
  /** With its path. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a POST, JSON. */
  readonly body: string;
}

/** Measurements of a side, run by run. */
export interface Measured {
  readonly name: string;
  readonly runs: readonly LoadResult[];
}

/**
 * Puts load on each side in turn, several times over.
 *
 * @throws {Error} when a request fails: a figure of failures says nothing
 */
export async function inTurn(
  sides: readonly Side[],
  effort: Effort,
  connections: number,
): Promise<Measured[]> {
  const measured = sides.map(({ name }) => ({ name, runs: [] as LoadResult[] }));
  for (let run = 0; run < effort.runs; run++) {
    for (const [index, { name, url, headers, body }] of sides.entries()) {
      const result = await wrk({
        url,
        connections,
        seconds: effort.seconds,
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      if (result.errors > 0) {
        throw new Error(`Cannot measure: ${result.errors} requests failed by ${name}`);
      }
      measured[index]?.runs.push(result);
    }
  }
  return measured;
}

/** A row of one side beside each of the others. */
export function besideEach(
  what: { readonly name: string; readonly unit: string },
  [own, ...peers]: readonly Measured[],
  pick: (result: LoadResult) => number,
): Row[] {
  const samples = (own?.runs ?? []).map(pick);
  const value = median(samples);
  return peers.map(({ name, runs }) => {
    const beside = { name, value: median(runs.map(pick)) };
    return { ...what, value, beside, ratio: value / beside.value, runs: samples.length, samples };
  });
}
