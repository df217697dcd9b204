/** `holdfast seals verify`: whether any entry that was sealed is not as it was. */
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPool } from '../db/pool.ts';
import { type AuditReport, audit } from '../ledger/audit.ts';
import { type Head, isSignedBy, readHead, readKey } from '../seals/head.ts';
import { type Verification, verifySeals } from '../seals/verify.ts';
import { type Command, databaseUrlOf, reasonOf, UsageFault } from './command.ts';

const HELP = `holdfast seals verify [--head FILE]... [--public-key FILE] [--no-balances] [--json]

Makes every seal again from the entries, looks whether heads that were exported are on the chain,
and derives every balance, leg and group from the entries. Names the first entry or seal that is not
as it was. It changes nothing, and may be pointed at a standby.

  --head FILE        a head that holdfast seals export printed; may be given several times. Without
                     one it shows only that nobody changed an entry and left the seals alone
  --public-key FILE  the public key (PEM) that every head must be signed for
  --no-balances      leaves out the balances, which read all entries in one statement
  --json             prints what it found as JSON

Exit code: 0 all is as it was sealed, 1 something is not, 2 it could not be verified.

Reads DATABASE_URL.`;

const NAME = 'holdfast seals verify';
/** Balances are one statement over all entries, some ten million a minute. */
const BALANCES_PATIENCE_MS = 6 * 3_600_000;
/** Often enough to see that it goes on. */
const TELL_EVERY_MS = 5_000;

async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      head: { type: 'string', multiple: true },
      'public-key': { type: 'string' },
      'no-balances': { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  const databaseUrl = databaseUrlOf(process.env);
  const heads = (values.head ?? []).map(headIn);
  const keyFile = values['public-key'];
  if (keyFile !== undefined && heads.length === 0) {
    throw new UsageFault('--public-key goes with --head.');
  }
  const unsigned = keyFile === undefined ? [] : notSignedBy(keyIn(keyFile), heads);
  const db = createPool({ databaseUrl, size: 2, applicationName: NAME, readOnly: true });
  try {
    const seals = await verifySeals({ db, heads: heads.map(({ head }) => head), tell: teller() });
    const balances = values['no-balances'] ? null : await audit(db, BALANCES_PATIENCE_MS);
    const faults = [...unsigned, ...seals.faults];
    const ok = faults.length === 0 && balances?.ok !== false;
    const report = { ok, seals: { ...seals, faults }, balances };
    const told = () => tellAll(report, heads.length, keyFile !== undefined);
    process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : told()}\n`);
    return ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`It could not be verified: ${reasonOf(error)}\n`);
    return 2;
  } finally {
    await db.end();
  }
}

interface NamedHead {
  file: string;
  head: Head;
}

function headIn(file: string): NamedHead {
  try {
    return { file, head: readHead(readFileSync(file, 'utf8')) };
  } catch (error) {
    throw new UsageFault(`${file} is no head of seals: ${(error as Error).message}.`);
  }
}

function keyIn(file: string): KeyObject {
  try {
    return readKey('public', file);
  } catch (error) {
    throw new UsageFault(`${file} is ${(error as Error).message}.`);
  }
}

function notSignedBy(key: KeyObject, heads: NamedHead[]): string[] {
  return heads.flatMap(({ file, head }) => {
    if (isSignedBy(head, key)) return [];
    return [
      head.signature === null
        ? `${file} is not signed.`
        : `${file} was changed, or was signed with another key.`,
    ];
  });
}

/** Says on standard error how far it is. */
function teller(): (entries: number, of: number) => void {
  const begun = performance.now();
  let told = begun;
  return (entries, of) => {
    const now = performance.now();
    if (now - told < TELL_EVERY_MS) return;
    told = now;
    const perMs = entries / (now - begun);
    const left = Math.round((of - entries) / perMs / 1_000);
    process.stderr.write(`${entries} of ${of} entries, some ${left} s to go\n`);
  };
}

interface Found {
  ok: boolean;
  seals: Verification;
  balances: AuditReport | null;
}

function tellAll({ ok, seals, balances }: Found, heads: number, isSigned: boolean): string {
  const lines = [...seals.faults];
  for (const { check, subject, detail } of balances?.faults ?? []) {
    lines.push(`${check === 'wallets' ? 'Wallet' : 'Group'} ${subject}: ${detail}.`);
  }
  const count = `${seals.seals} seals over ${seals.entries} entries`;
  if (!ok) return [...lines, `Not all is as it was sealed; looked at ${count}.`].join('\n');
  if (seals.seals === 0) lines.push('Nothing is sealed yet.');
  else lines.push(`${count}: each entry is as it was sealed. The last hash is ${seals.hash}.`);
  if (balances) {
    lines.push(
      `${balances.wallets} wallets and ${balances.groups} groups follow from the entries.`,
    );
  }
  if (heads === 0) {
    lines.push('No head was given: whoever made all seals anew would not be noticed.');
  } else {
    lines.push(`${heads === 1 ? 'The head is' : `${heads} heads are`} on the chain.`);
    if (!isSigned) lines.push('No signature was looked at: --public-key was not given.');
  }
  return lines.join('\n');
}

export const SEALS_VERIFY: Command = {
  about: 'says whether any sealed entry was changed, and which',
  help: HELP,
  run,
};
