/** What a reconciliation found, in words for a person. */
import type {
  ChainReconciliation,
  DriftCause,
  DriftPlace,
  ReconciliationTerm,
} from '../contracts/chain.ts';
import type { Books } from '../ledger/reconcile.ts';

export interface Found {
  /** Books and chain agree to the last unit, and the books with themselves. */
  balanced: boolean;
  books: Books;
  chain: ChainReconciliation[];
  /** Assets that are off by more than they may be, and those whose withdrawals this run paused. */
  above: string[];
  paused: string[];
}

const TERMS: Record<ReconciliationTerm, string> = {
  external: 'in the books (all that is not outside)',
  depositsNotBooked: 'deposits there, not credited yet',
  depositsAhead: 'deposits credited, not there at this block',
  paymentsNotSettled: 'payments gone, not settled yet',
  paymentsAhead: 'payments settled, not gone at this block',
  feesNotBooked: 'network fees paid, not settled yet',
  feesAhead: 'network fees settled, not paid at this block',
};

/** What to do next, by the kind of the address. */
const NEXT: Record<DriftCause, Record<DriftPlace['kind'], string>> = {
  unbooked_coins: {
    deposit:
      'More is there than the watcher saw. Read the blocks again in which it came:\n' +
      '      POST /v1/chains/{chain}/rescan.',
    hot:
      'Somebody sent it here. If it is yours, book it with an admin key: POST /v1/transfers,\n' +
      '      external:{asset} DEBIT, treasury:{asset} CREDIT.',
  },
  missing_coins: {
    deposit: 'Less is there, and nobody sent it away. Compare the node with another one.',
    hot:
      'The books say more than is there. Compare the node with another one, then look for coins\n' +
      '      that were booked to treasury:{asset} and never came.',
  },
  foreign_spend: {
    deposit:
      'This address sent transactions that are not ours. Assume that its key is in other hands:\n' +
      '      move what is left, and give no more addresses of that key away.',
    hot:
      'The hot wallet sent transactions that are not ours: holdfast chain explain. If nobody\n' +
      '      restored a database, assume that the key is in other hands.',
  },
  token_lies: {
    deposit:
      "The token's events say that more came than its balances do. Pause its deposits (PATCH\n" +
      '      /v1/assets/{asset}, depositsPaused) and read its contract.',
    hot: "The token's events and its balances differ. Read its contract.",
  },
  unknown: {
    deposit: 'Nothing tells why.',
    hot:
      'The books have coins, and no hot wallet is known. Start a worker once with the signer:\n' +
      '      it registers its address.',
  },
};

const NAME_WIDTH = 46;

/** The whole report. */
export function tellAll({ books, chain, paused }: Found): string {
  const [first] = chain;
  const head = first
    ? [`${first.chain} at block ${first.block} (${first.blockHash})`]
    : ['No block was followed yet: there is nothing to compare.'];
  const assets = chain.map((line) => tellAsset(line, paused.includes(line.asset)));
  return [...head, ...assets, tellBooks(books)].join('\n\n');
}

function tellAsset(line: ChainReconciliation, isPausedNow: boolean): string {
  const { asset, terms, expected, onChain, missing, surplus, shortfall, pause } = line;
  if (line.unreadable !== null) return `${asset}: not compared. ${line.unreadable}`;
  const agrees = missing === '0' && surplus === '0';
  const used = Object.entries(TERMS).filter(
    ([term]) => term === 'external' || terms[term as ReconciliationTerm] !== '0',
  );
  const words = [
    `${asset}: ${agrees ? 'agrees' : `${missing} missing, ${surplus} too many`}`,
    ...used.map(([term, name]) => row(name, terms[term as ReconciliationTerm])),
    row('must be there', expected),
    row('is there', onChain),
  ];
  if (shortfall.total !== '0') {
    const { total, owed, lost } = shortfall;
    words.push(row('shortfall (booked, no drift)', `${total}: ${owed} owed, ${lost} lost`));
  }
  words.push(...line.places.map((place) => tellPlace(line, place)));
  if (line.placesLeftOut > 0) words.push(`  … and ${line.placesLeftOut} addresses more`);
  if (isPausedNow) words.push(`  Withdrawals of ${asset} were paused by this run.`);
  else if (pause) words.push(`  Withdrawals are paused by ${pause.by}: ${pause.reason}`);
  if (isPausedNow || pause) {
    words.push(
      '  Once it is put right or explained, let them go on with an admin key:',
      `      PATCH /v1/assets/${asset} {"withdrawalsPaused": false}`,
    );
  }
  return words.join('\n');
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value}`;
}

function tellPlace({ asset, chain }: ChainReconciliation, place: DriftPlace): string {
  const { address, kind, drift, cause } = place;
  const where = address ?? 'no known address';
  const next = NEXT[cause][kind].replaceAll('{asset}', asset).replaceAll('{chain}', chain);
  return `  ! ${where} (${kind}) ${drift}: ${cause}\n      ${next}`;
}

function tellBooks({ balanced, assets, groups }: Books): string {
  if (balanced) return `The books balance; ${groups.open} groups are open.`;
  const off = assets.filter(({ settledSum, drift }) => settledSum !== '0' || drift !== '0');
  const words = off.map(
    ({ asset, settledSum, drift }) =>
      `  ${asset}: settled entries sum to ${settledSum}, balances are off by ${drift}`,
  );
  return [
    `The books do NOT balance; ${groups.unbalanced} finished groups are unbalanced.`,
    ...words,
    '  Stop all traffic and keep the database as it is: this is a bug or somebody wrote into it.',
  ].join('\n');
}
