/** Objects for the tests of stores and resources: valid, small, each with an id of its own. */
import { newId } from "../api/id.ts";
import type {
  Connector,
  Conversation,
  ConversationItem,
  FileObject,
  Prompt,
  ResponseObject,
  VectorStore,
  VectorStoreFile,
  VectorStoreFileBatch,
} from "../api/objects.ts";

/** A time to start from, in Unix seconds. */
export const T0 = 1_800_000_000;

const NO_FILES = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 };

export function aResponse(fields: Partial<ResponseObject> = {}): ResponseObject {
  return {
    id: newId("resp"),
    object: "response",
    created_at: T0,
    model: "m",
    status: "in_progress",
    output: [],
    ...fields,
  };
}

export function aConversation(fields: Partial<Conversation> = {}): Conversation {
  return { id: newId("conv"), object: "conversation", created_at: T0, metadata: null, ...fields };
}

export function anItem(text: string, fields: Partial<ConversationItem> = {}): ConversationItem {
  return { id: newId("msg"), type: "message", role: "user", content: text, ...fields };
}

export function aPrompt(fields: Partial<Prompt> = {}): Prompt {
  return {
    id: newId("prompt"),
    object: "prompt",
    name: "greeting",
    description: null,
    template: "Hello",
    variables: [],
    version: 1,
    is_default: true,
    created_at: T0,
    updated_at: T0,
    metadata: null,
    ...fields,
  };
}

export function aConnector(fields: Partial<Connector> = {}): Connector {
  return {
    connector_id: newId("item"),
    object: "connector",
    connector_type: "mcp",
    url: "http://127.0.0.1:1/mcp",
    server_label: null,
    created_at: T0,
    metadata: null,
    ...fields,
  };
}

export function aFile(fields: Partial<FileObject> = {}): FileObject {
  return {
    id: newId("file"),
    object: "file",
    bytes: 3,
    created_at: T0,
    expires_at: null,
    filename: "a.txt",
    purpose: "assistants",
    status: "uploaded",
    status_details: null,
    mime_type: "text/plain",
    ...fields,
  };
}

export function aVectorStore(fields: Partial<VectorStore> = {}): VectorStore {
  return {
    id: newId("vs"),
    object: "vector_store",
    created_at: T0,
    name: "docs",
    status: "completed",
    usage_bytes: 0,
    file_counts: NO_FILES,
    metadata: null,
    expires_at: null,
    last_active_at: T0,
    ...fields,
  };
}

export function aVectorStoreFile(fields: Partial<VectorStoreFile> = {}): VectorStoreFile {
  return {
    id: newId("file"),
    object: "vector_store.file",
    created_at: T0,
    vector_store_id: "",
    status: "in_progress",
    usage_bytes: 0,
    last_error: null,
    attributes: null,
    ...fields,
  };
}

export function aBatch(fields: Partial<VectorStoreFileBatch> = {}): VectorStoreFileBatch {
  return {
    id: newId("vsfb"),
    object: "vector_store.file_batch",
    created_at: T0,
    vector_store_id: "",
    status: "in_progress",
    file_counts: NO_FILES,
    ...fields,
  };
}
