/** Receives one finished line, without a line end. The edge decides where it goes. */
export type Log = (line: string) => void;

/** A `Log` that keeps nothing. */
export function silent(_line: string): void {}
