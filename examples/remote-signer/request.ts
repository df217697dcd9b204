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
    ADDRESS.test(String(asked.sender)) &&
    ADDRESS.test(String(asked.destination)) &&
    (asked.contract === null || ADDRESS.test(String(asked.contract))) &&
    UNITS.test(String(asked.units)) &&
    Number.isSafeInteger(asked.nonce) &&
    Number(asked.nonce) >= 0 &&
    /^0x02[0-9a-f]{2,40000}$/.test(String(asked.draft)) &&
    (asked.path === null || isPath(String(asked.path))) &&
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
        ADDRESS.test(String(part.destination)) &&
        UNITS.test(String(part.units)),
    )
  );
}

/** Two levels that are not hardened (BIP-32). */
function isPath(text: string): boolean {
  return (
    /^\d{1,10}\/\d{1,10}$/.test(text) && text.split('/').every((level) => Number(level) < 2 ** 31)
  );
}
