/** Reads, checks and follows a file that a person wrote. */
import { z } from "zod";
import { type Log, messageOf, readTextFile, UsageError, watchFile } from "../service/mod.ts";
import { readDocument, refusal } from "./document.ts";
import { findingsOf } from "./findings.ts";
import type { DataFileKind } from "./kind.ts";

/**
 * Reads a text, YAML or JSON.
 *
 * @param file how an error calls the file
 * @throws {UsageError} one line per finding, at most twenty: `FILE:LINE:COLUMN: PATH: Expected …`
 */
export function parseData<Schema extends z.ZodType>(
  kind: DataFileKind<Schema>,
  text: string,
  file: string,
): z.output<Schema> {
  const { what, schema, docs } = kind;
  const { value, placeOf } = readDocument(text, { what, file });
  const result = schema.safeParse(kind.prepare === undefined ? value : kind.prepare(value));
  const findings = result.success
    ? kind.check?.(result.data) ?? []
    : result.error.issues.flatMap((issue) => findingsOf(issue, schema, docs));
  if (result.success && findings.length === 0) return result.data;
  throw refusal(what, findings, ({ path, message }) => {
    const { line, column } = placeOf(path);
    const place = path.length === 0 ? "" : `${path.join(".")}: `;
    return `${file}:${line}:${column}: ${place}${message}`;
  });
}

/** Reads a file. Throws as {@linkcode parseData}, and a `UsageError` for one that cannot be read. */
export async function readData<Schema extends z.ZodType>(
  kind: DataFileKind<Schema>,
  path: string,
): Promise<z.output<Schema>> {
  return parseData(kind, await readText(kind, path), path);
}

/** A file that is read again whenever it changes. Disposing it ends that. */
export interface FollowedFile<T> extends AsyncDisposable {
  /** The value in force. */
  readonly value: T;
  /** Reads it now. @throws {UsageError} what was in force stays then */
  reload(): Promise<void>;
}

/**
 * Reads a file and goes on reading it when it changes, editors' and Kubernetes' ways of replacing one included. A change
 * that cannot be read is logged, and what was in force stays.
 *
 * @throws {UsageError} for the file as it is now
 */
export async function followData<Schema extends z.ZodType>(
  kind: DataFileKind<Schema>,
  path: string,
  options: { readonly log: Log; readonly onChange?: (value: z.output<Schema>) => void },
): Promise<FollowedFile<z.output<Schema>>> {
  let value = await readData(kind, path);
  const reload = async () => {
    value = await readData(kind, path);
    options.onChange?.(value);
  };
  const watcher = watchFile(path, () => {
    reload().then(
      () => options.log(`The ${kind.what} of "${path}" are in force`),
      (error) => options.log(`The ${kind.what} stay as they were: ${messageOf(error)}`),
    );
  });
  return {
    get value() {
      return value;
    },
    reload,
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  };
}

/** The JSON Schema of a kind of file (draft 2020-12), for editors and other programs. */
export function jsonSchemaOf(kind: DataFileKind<z.ZodType>): Record<string, unknown> {
  const schema = z.toJSONSchema(kind.schema, { io: "input", unrepresentable: "any" });
  return { title: `llmgate ${kind.name}`, ...schema };
}

async function readText({ what }: DataFileKind<z.ZodType>, path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} of "${path}": ${messageOf(error)}`);
  }
}
