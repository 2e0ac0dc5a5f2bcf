/** Under which names a model is offered tools: letters, digits, `_` and `-`, up to 64 (API reference, "function.name"). */

const MAX_NAME = 64;

/** The name of a tool that belongs to a server or a namespace: `label__name`. */
export function labelledName(label: string, name: string): string {
  const whole = `${label.replace(/_+$/, "")}__${name}`.replace(/[^\w-]/g, "_");
  // The end tells tools apart, the beginning servers.
  return whole.length <= MAX_NAME ? whole : `${whole.slice(0, 20)}${whole.slice(20 - MAX_NAME)}`;
}
