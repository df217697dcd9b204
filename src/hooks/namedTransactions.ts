/** Where a hook tells to look: transactions and payments that its body names, and nothing else. */

/** As providers spell it, without regard to case and to marks between the words. */
const NAMES = new Set([
  'hash',
  'tx',
  'txid',
  'txhash',
  'transactionhash',
  'transactionid',
  'transactionidentifier',
]);
/** A block's `hash` is no transaction. */
const BLOCKS = new Set(['block', 'blockheader', 'header']);

const TXID = /^0x[0-9a-f]{64}$/;

const PAYMENT_NAMES = new Set(['externalid', 'externaltxid', 'externaltransactionid']);
/** The group id of a withdrawal, or of a payout run's line. */
const PAYMENT_ID = /^(withdrawal|payout):[\x21-\x7e]{1,400}$/;

/** Address activity of a busy block has fewer; the watcher sees what exceeds it all the same. */
const MOST_NAMED = 500;

interface Place {
  /** The key under which it stands; a list's members stand under the list's. */
  name: string;
  parent: string;
  value: unknown;
}

/** Transaction ids, in lower case, each once; none where the body is no JSON. */
export function namedTransactions(body: Uint8Array): string[] {
  return find(body, ({ name, parent }, text) => {
    const txid = text.toLowerCase();
    const isBlock = name === 'hash' && BLOCKS.has(parent);
    return NAMES.has(name) && !isBlock && TXID.test(txid) ? txid : null;
  });
}

/** Ids under which we asked a custodian to pay, as custodians tell them back. */
export function namedPayments(body: Uint8Array): string[] {
  return find(body, ({ name }, text) =>
    PAYMENT_NAMES.has(name) && PAYMENT_ID.test(text) ? text : null,
  );
}

/** What `pick` makes of the texts in a JSON body, each once. */
function find(body: Uint8Array, pick: (at: Place, text: string) => string | null): string[] {
  const found = new Set<string>();
  const open: Place[] = [{ name: '', parent: '', value: read(body) }];
  // Without recursion: a body can be nested deeper than a stack.
  for (let at = open.pop(); at && found.size < MOST_NAMED; at = open.pop()) {
    const { name, parent, value } = at;
    if (typeof value === 'string') {
      const picked = pick(at, value);
      if (picked !== null) found.add(picked);
    } else if (Array.isArray(value)) {
      for (const member of value) open.push({ name, parent, value: member });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        open.push({ name: key.toLowerCase().replaceAll(/[_-]/g, ''), parent: name, value: member });
      }
    }
  }
  return [...found];
}

function read(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return null;
  }
}
