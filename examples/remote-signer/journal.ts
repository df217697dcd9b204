/**
 * What was signed, on a disk of the signer's own. A line is written and flushed before its bytes
 * leave, so that after any crash the signer knows what may be on a chain. It does not ask Holdfast:
 * a database that was restored to an earlier hour has forgotten, and this has not.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import type { SignRequest } from './request.ts';

/** One nonce of one group. Fees differ between attempts, so they are not part of it. */
export interface JournalLine {
  groupId: string;
  chain: string;
  sender: string;
  nonce: number;
  /** Null: only a cancellation was signed. */
  payment: { destination: string; contract: string | null; units: string } | null;
}

export interface Journal {
  ofGroup(groupId: string): JournalLine | undefined;
  /** The group that a nonce belongs to. */
  groupOf(chain: string, sender: string, nonce: number): string | undefined;
  /** Returns once the line is on the disk. */
  write(request: SignRequest): void;
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
  const learn = (line: JournalLine) => {
    byGroup.set(line.groupId, line);
    byNonce.set(keyOf(line.chain, line.sender, line.nonce), line.groupId);
  };
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = text.split('\n');
  // Without its end a line was never flushed, so its bytes never left: it is taken away.
  const torn = lines.pop() ?? '';
  for (const line of lines) learn(JSON.parse(line) as JournalLine);
  if (torn !== '') truncateSync(path, Buffer.byteLength(text) - Buffer.byteLength(torn));
  const file = openSync(path, 'a', 0o600);
  return {
    ofGroup: (groupId) => byGroup.get(groupId),
    groupOf: (chain, sender, nonce) => byNonce.get(keyOf(chain, sender, nonce)),
    write({ groupId, chain, sender, nonce, kind, destination, contract, units }) {
      const before = byGroup.get(groupId);
      const payment =
        kind === 'payment' ? { destination, contract, units } : (before?.payment ?? null);
      const line: JournalLine = { groupId, chain, sender, nonce, payment };
      if (before && JSON.stringify(before) === JSON.stringify(line)) return;
      writeAll(file, `${JSON.stringify(line)}\n`);
      fsyncSync(file);
      learn(line);
    },
    close: () => closeSync(file),
  };
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}
