/** A JSON-RPC call on its way through the proxy, and what its caller gets. */
export interface Call {
  id: unknown;
  method: string;
  params: readonly unknown[];
}

export interface RpcError {
  code: number;
  message: string;
  data?: unknown;
}

/**
 * An answer, or what befell the connection instead: `closed` without a word, `silent` for ever, or
 * an HTTP status.
 */
export type Reply =
  | { result: unknown }
  | { error: RpcError }
  | { connection: 'closed' | 'silent' }
  | { status: number };

/** Hands a call on: to the next fault, in the end to a node (the first, where none is named). */
export type Next = (call: Call, upstream?: number) => Promise<Reply>;

/** Asks a node; where it does not answer, the caller gets 502. */
export async function askNode(url: string, { method, params }: Omit<Call, 'id'>): Promise<Reply> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    if (!response.ok) return { status: response.status };
    const { result, error } = (await response.json()) as { result?: unknown; error?: RpcError };
    return error ? { error } : { result };
  } catch {
    return { status: 502 };
  }
}
