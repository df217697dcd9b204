/** What a node may do wrong, as a script: faults by method and call count. Plain JSON. */
import { z } from 'zod';

/** When a fault strikes. All that is named must hold. */
const when = {
  /** JSON-RPC methods that it is for; left out: every one. */
  methods: z.array(z.string().min(1)).min(1).optional(),
  /** For calls whose parameters hold this text, such as an address or a transaction id. */
  containing: z.string().min(1).optional(),
  /** The first of the matching calls that it strikes, from 1. */
  from: z.int().min(1).default(1),
  /** How many matching calls it strikes from there; left out: all. */
  times: z.int().min(1).optional(),
  /** How likely it strikes each of them, 0 to 1, by the proxy's seed. */
  chance: z.number().min(0).max(1).default(1),
};

/**
 * - `delay`: answers so many milliseconds later.
 * - `drop`: closes the connection; the node gets nothing.
 * - `dropAfter`: the node gets the call, the caller a closed connection.
 * - `timeout`: the node gets nothing, the caller no answer for ever.
 * - `status`: an HTTP status such as 429 or 503 instead of an answer.
 * - `error`: a JSON-RPC error instead of an answer.
 * - `answer`: this result instead of the node's, such as null or another chain id.
 * - `partial`: only the first `keep` of a list (logs, receipts); 0 is an empty one.
 * - `removed`: each log says `removed: true`.
 * - `with`: each receipt, log or block of the answer has these fields too, or instead of its own.
 * - `staleHead`: the head stands still, so many blocks `behind` where it was met first; what is
 *   above it is not there. When the fault ends, the head jumps.
 * - `upstream`: another node answers, by its place in the list: two nodes that disagree.
 * - `swallow`: a transaction is accepted and lost: the node gets nothing.
 * - `gethPool`: sending answers with geth's words, and a pending transaction is replaced only by
 *   one that pays `percent` more on both fees. anvil takes one wei more, and has other words.
 */
export const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('delay'), ...when, milliseconds: z.int().min(0) }),
  z.strictObject({ kind: z.literal('drop'), ...when }),
  z.strictObject({ kind: z.literal('dropAfter'), ...when }),
  z.strictObject({ kind: z.literal('timeout'), ...when }),
  z.strictObject({ kind: z.literal('status'), ...when, status: z.int().min(400).max(599) }),
  z.strictObject({
    kind: z.literal('error'),
    ...when,
    code: z.int().default(-32000),
    message: z.string(),
  }),
  z.strictObject({ kind: z.literal('answer'), ...when, result: z.json() }),
  z.strictObject({ kind: z.literal('partial'), ...when, keep: z.int().min(0) }),
  z.strictObject({ kind: z.literal('removed'), ...when }),
  z.strictObject({
    kind: z.literal('with'),
    ...when,
    fields: z.record(z.string(), z.json()),
  }),
  z.strictObject({ kind: z.literal('staleHead'), ...when, behind: z.int().min(0).default(0) }),
  z.strictObject({ kind: z.literal('upstream'), ...when, upstream: z.int().min(0) }),
  z.strictObject({ kind: z.literal('swallow'), ...when }),
  z.strictObject({ kind: z.literal('gethPool'), ...when, percent: z.int().min(0).default(10) }),
]);

/** A fault with its defaults filled. */
export type Fault = z.output<typeof faultSchema>;
/** A fault as a script names it. */
export type FaultInput = z.input<typeof faultSchema>;
export type FaultKind = Fault['kind'];
export type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>;

/** Kinds, for people. */
export const FAULT_KINDS = faultSchema.options.map(({ shape }) => shape.kind.value);

/**
 * Reads a script: a list of faults, from JSON of whoever.
 *
 * @throws an Error that names each field at fault
 */
export function readScript(script: unknown): Fault[] {
  const read = z.array(faultSchema).safeParse(script);
  if (read.success) return read.data;
  throw new Error(`This is no list of faults:\n${z.prettifyError(read.error)}`);
}
