/** Templates in place of JSX, so that the page needs no build beyond a bundle. */
import htm from "htm";
import { h, type VNode } from "preact";

/** A template with elements of the page in it. */
export type Template = (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

// The package's types describe a module that its file is not.
export const html = (htm as unknown as { bind(create: typeof h): Template }).bind(h);
