/**
 * The API's objects as they stand in answers and in the store: its own JSON, `snake_case`, times in Unix seconds,
 * so that nothing is translated twice (OpenAI API reference; prompts and connectors are the gateway's own).
 */

/** Up to 16 pairs; keys up to 64 characters, values up to 512 (API reference, "metadata"). */
export type Metadata = Record<string, string>;

/** An input or output item: a message, a call, a call's output, reasoning, … `type` decides what else stands in it. */
export interface Item {
  readonly type: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/** How far a response has come. `queued` and `in_progress` are the two that still change. */
export type ResponseStatus =
  | "queued"
  | "in_progress"
  | "completed"
  | "incomplete"
  | "failed"
  | "cancelled";

/** A response as it is answered and stored. */
export interface ResponseObject {
  readonly id: string;
  readonly object: "response";
  readonly created_at: number;
  readonly model: string;
  readonly status: ResponseStatus;
  readonly output: readonly Item[];
  /** The id of its conversation; null for one that has none. */
  readonly conversation?: string | null;
  readonly completed_at?: number | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly [field: string]: unknown;
}

/** A conversation; its items are read page by page. */
export interface Conversation {
  readonly id: string;
  readonly object: "conversation";
  readonly created_at: number;
  readonly metadata: Metadata | null;
}

/** An item of a conversation. `content` stays as it was sent: a string stays a string. */
export interface ConversationItem extends Item {
  readonly id: string;
}

/** One version of a prompt template. */
export interface Prompt {
  readonly id: string;
  readonly object: "prompt";
  readonly name: string;
  readonly description: string | null;
  readonly template: string;
  /** The names in `{{…}}`, each once, in order of appearance. */
  readonly variables: readonly string[];
  /** From 1, without gaps. */
  readonly version: number;
  readonly is_default: boolean;
  readonly created_at: number;
  readonly updated_at: number;
  readonly metadata: Metadata | null;
}

/** A registered MCP server. Its id is the caller's own word. */
export interface Connector {
  readonly connector_id: string;
  readonly object: "connector";
  readonly connector_type: "mcp";
  readonly url: string;
  readonly server_label: string | null;
  readonly created_at: number;
  readonly metadata: Metadata | null;
}

/** Purposes of files (API reference, "Upload file"). */
export const FILE_PURPOSES = [
  "assistants",
  "assistants_output",
  "batch",
  "batch_output",
  "fine-tune",
  "fine-tune-results",
  "vision",
  "user_data",
  "evals",
] as const;
export type FilePurpose = typeof FILE_PURPOSES[number];

/** An uploaded file; its bytes lie in the blob store. */
export interface FileObject {
  readonly id: string;
  readonly object: "file";
  readonly bytes: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly filename: string;
  readonly purpose: FilePurpose;
  readonly status: "uploaded" | "processed" | "error";
  readonly status_details: string | null;
  readonly mime_type: string;
}

/** How many files of a vector store or a batch stand in each status. */
export interface FileCounts {
  readonly in_progress: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly total: number;
}

/** A vector store. `file_counts`, `usage_bytes` and `status` follow from its files. */
export interface VectorStore {
  readonly id: string;
  readonly object: "vector_store";
  readonly created_at: number;
  readonly name: string | null;
  readonly status: "expired" | "in_progress" | "completed";
  readonly usage_bytes: number;
  readonly file_counts: FileCounts;
  readonly metadata: Metadata | null;
  readonly expires_after?: { readonly anchor: "last_active_at"; readonly days: number } | null;
  readonly expires_at: number | null;
  readonly last_active_at: number | null;
  readonly [field: string]: unknown;
}

/** Values that attribute filters compare. */
export type Attributes = Record<string, string | number | boolean>;

/** A file in a vector store; its id is the file's. */
export interface VectorStoreFile {
  readonly id: string;
  readonly object: "vector_store.file";
  readonly created_at: number;
  readonly vector_store_id: string;
  readonly status: "in_progress" | "completed" | "failed" | "cancelled";
  readonly usage_bytes: number;
  readonly last_error: {
    readonly code: "server_error" | "unsupported_file" | "invalid_file";
    readonly message: string;
  } | null;
  readonly attributes: Attributes | null;
  readonly [field: string]: unknown;
}

/** Files that were added to a vector store by one call. `file_counts` and `status` follow from them. */
export interface VectorStoreFileBatch {
  readonly id: string;
  readonly object: "vector_store.file_batch";
  readonly created_at: number;
  readonly vector_store_id: string;
  readonly status: "in_progress" | "completed" | "cancelled" | "failed";
  readonly file_counts: FileCounts;
}
