/**
 * What was signed, on a disk of the signer's own. A line is written and flushed before its bytes
 * leave, so that after any crash the signer knows what may be on a chain. It does not ask Holdfast:
 * a database that was restored to an earlier hour has forgotten, and this has not.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Part, SignRequest } from './request.ts';

/** What a group pays. `parts`: the withdrawals that it pays together. */
export interface Payment {
  destination: string;
  contract: string | null;
  units: string;
  parts?: readonly Part[];
}

/** One nonce of one group. Fees differ between attempts, so they are not part of it. */
export interface JournalLine {
  groupId: string;
  chain: string;
  sender: string;
  nonce: number;
  /** Null: only a cancellation was signed. */
  payment: Payment | null;
}

/** A transaction that was signed for a batch: by it a node tells what became of the batch. */
export interface JournalTransaction {
  groupId: string;
  txid: string;
  kind: SignRequest['kind'];
}

export interface Journal {
  ofGroup(groupId: string): JournalLine | undefined;
  /** The group that a nonce belongs to. */
  groupOf(chain: string, sender: string, nonce: number): string | undefined;
  /** The batch that a withdrawal was signed in. */
  batchOf(groupId: string): string | undefined;
  /** What was signed for a batch. */
  transactionsOf(groupId: string): readonly JournalTransaction[];
  /** Returns once the line is on the disk. */
  write(request: SignRequest): void;
  /** The same, of the bytes that are about to leave; only batches have such lines. */
  writeTransaction(request: SignRequest, txid: string): void;
  close(): void;
}

/**
 * Opens or makes a journal.
 *
 * @throws an Error where a whole line of it cannot be read: then nothing is to be signed
 */
export function openJournal(path: string): Journal {
  const byGroup = new Map<string, JournalLine>();
  const byNonce = new Map<string, string>();
  const keyOf = (chain: string, sender: string, nonce: number) => `${chain} ${sender} ${nonce}`;
  const byMember = new Map<string, string>();
  const transactions = new Map<string, JournalTransaction[]>();
  const learn = (line: JournalLine | JournalTransaction) => {
    if ('txid' in line) {
      transactions.set(line.groupId, [...(transactions.get(line.groupId) ?? []), line]);
      return;
    }
    for (const part of line.payment?.parts ?? []) byMember.set(part.groupId, line.groupId);
    byGroup.set(line.groupId, line);
    byNonce.set(keyOf(line.chain, line.sender, line.nonce), line.groupId);
  };
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = text.split('\n');
  // Without its end a line was never flushed, so its bytes never left: it is taken away.
  const torn = lines.pop() ?? '';
  for (const line of lines) learn(JSON.parse(line) as JournalLine | JournalTransaction);
  if (torn !== '') truncateSync(path, Buffer.byteLength(text) - Buffer.byteLength(torn));
  const file = openSync(path, 'a', 0o600);
  keepName(path);
  const append = (line: JournalLine | JournalTransaction) => {
    writeWhole(file, `${JSON.stringify(line)}\n`);
    learn(line);
  };
  const transactionsOf = (groupId: string) => transactions.get(groupId) ?? [];
  return {
    batchOf: (groupId) => byMember.get(groupId),
    transactionsOf,
    ofGroup: (groupId) => byGroup.get(groupId),
    groupOf: (chain, sender, nonce) => byNonce.get(keyOf(chain, sender, nonce)),
    write({ groupId, chain, sender, nonce, kind, destination, contract, units, parts }) {
      const before = byGroup.get(groupId);
      const payment =
        kind === 'payment'
          ? { destination, contract, units, ...(parts && { parts }) }
          : (before?.payment ?? null);
      const line: JournalLine = { groupId, chain, sender, nonce, payment };
      if (before && JSON.stringify(before) === JSON.stringify(line)) return;
      append(line);
    },
    writeTransaction({ groupId, kind }, txid) {
      if (!byGroup.get(groupId)?.payment?.parts) return;
      if (transactionsOf(groupId).some((known) => known.txid === txid)) return;
      append({ groupId, txid, kind });
    },
    close: () => closeSync(file),
  };
}

/** A file that was just made is on the disk only with its folder. */
function keepName(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Adds a line and waits for the disk. Where that fails, as on a full disk, nothing of it stays: the
 * next line would go on in the middle of this one, and neither could be read again.
 */
function writeWhole(file: number, text: string): void {
  const { size } = fstatSync(file);
  try {
    const bytes = Buffer.from(text);
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}
