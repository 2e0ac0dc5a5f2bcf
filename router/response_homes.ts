/** Which host keeps which response, so that what follows it goes there: a model server keeps its own alone. */

/** Where a response is, and who may ask for it. */
export interface ResponseHome {
  readonly endpoint: string;
  /** The route's model. */
  readonly model: string;
  readonly tenant: string | undefined;
}

/** As many as are remembered, some 200 bytes each. */
const LIMIT = 65_536;

/** Remembers the homes of the latest responses, those used last the longest. */
export class ResponseHomes {
  readonly #homes = new Map<string, ResponseHome>();
  readonly #limit: number;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  note(id: string, home: ResponseHome): void {
    this.#homes.delete(id);
    this.#homes.set(id, home);
    if (this.#homes.size <= this.#limit) return;
    const [oldest] = this.#homes.keys();
    if (oldest !== undefined) this.#homes.delete(oldest);
  }

  has(id: string): boolean {
    return this.#homes.has(id);
  }

  /** The home of a tenant's response; undefined where it is not known. */
  of(id: string, tenant: string | undefined): ResponseHome | undefined {
    const home = this.#homes.get(id);
    if (home === undefined || home.tenant !== tenant) return undefined;
    this.note(id, home);
    return home;
  }
}
