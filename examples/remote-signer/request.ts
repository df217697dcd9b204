/** What Holdfast asks the signer for, as it comes over the wire. */
export interface SignRequest {
  /** The withdrawal; one group is paid once. */
  groupId: string;
  /** CAIP-2, such as `eip155:1`. */
  chain: string;
  /** `cancel`: a transfer of nothing from the sender to itself. */
  kind: 'payment' | 'cancel';
  /** Lower-case addresses. */
  sender: string;
  destination: string;
  /** Token contract; null: the native coin. */
  contract: string | null;
  /** Base units, decimal. */
  units: string;
  nonce: number;
  /** Unsigned bytes, hex. */
  draft: string;
  /**
   * Which deposit address sends, as `first/second` below their account (`m/44'/60'/1'`); null: the
   * hot wallet.
   */
  path: string | null;
  /**
   * Several withdrawals in one transaction: `destination` is the payout contract then, and `units`
   * is their sum. Null: one payment.
   */
  parts: Part[] | null;
}

/** One of them. */
export interface Part {
  groupId: string;
  destination: string;
  units: string;
}

const ADDRESS = /^0x[0-9a-f]{40}$/;
const UNITS = /^(0|[1-9]\d{0,77})$/;
/** As many as Holdfast puts into one transaction at most. */
const MOST_PARTS = 200;

/** Reads a body; null where it is none of these. */
export function readRequest(body: unknown): SignRequest | null {
  const asked = { path: null, parts: null, ...(body ?? {}) } as Partial<
    Record<keyof SignRequest, unknown>
  >;
  const texts = [asked.groupId, asked.chain, asked.sender, asked.destination, asked.units];
  const isRead =
    texts.every((text) => typeof text === 'string' && text.length > 0 && text.length <= 1_024) &&
    (asked.kind === 'payment' || asked.kind === 'cancel') &&
    isText(ADDRESS, asked.sender) &&
    isText(ADDRESS, asked.destination) &&
    (asked.contract === null || isText(ADDRESS, asked.contract)) &&
    isText(UNITS, asked.units) &&
    Number.isSafeInteger(asked.nonce) &&
    Number(asked.nonce) >= 0 &&
    isText(/^0x02[0-9a-f]{2,40000}$/, asked.draft) &&
    (asked.path === null || isPath(asked.path)) &&
    (asked.parts === null || areParts(asked.parts));
  return isRead ? (asked as SignRequest) : null;
}

function areParts(parts: unknown): boolean {
  return (
    Array.isArray(parts) &&
    parts.length > 0 &&
    parts.length <= MOST_PARTS &&
    new Set(parts.map((part) => part?.groupId)).size === parts.length &&
    parts.every(
      (part) =>
        typeof part?.groupId === 'string' &&
        part.groupId.length > 0 &&
        part.groupId.length <= 1_024 &&
        isText(ADDRESS, part.destination) &&
        isText(UNITS, part.units),
    )
  );
}

/** Two levels that are not hardened (BIP-32). */
function isPath(path: unknown): boolean {
  return (
    isText(/^\d{1,10}\/\d{1,10}$/, path) &&
    path.split('/').every((level) => Number(level) < 2 ** 31)
  );
}

/** A list of one text looks like that text, and is written into the journal as another one. */
function isText(form: RegExp, value: unknown): value is string {
  return typeof value === 'string' && form.test(value);
}
