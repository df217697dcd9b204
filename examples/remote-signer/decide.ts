/**
 * What is signed and what is not. Nothing is believed but the bytes: they are decoded here, and
 * must pay what the request says, on the nonce that this journal has for the group.
 */
import { encodeFunctionData, type Hex, parseAbi, parseTransaction } from 'viem';
import type { Journal, Payment } from './journal.ts';
import type { Part, SignRequest } from './request.ts';

export interface Rules {
  /** CAIP-2 of the chains that it signs for. */
  chains: readonly string[];
  /** Lower-case address of its key. */
  sender: string;
  /** Lower-case address of the key of a deposit address, by its path. */
  depositAddress(path: string): string;
  /** Most that one transaction may cost, in wei. */
  maxFeeWei: bigint;
  /** Lower-case address of the contract that pays several at once; null: none is signed. */
  payout: string | null;
}

const ERC20 = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);
const PAYOUT = parseAbi([
  'function pay(address[] to, uint256[] units)',
  'function payToken(address token, address[] to, uint256[] units)',
]);

/**
 * Why a request is refused, in a sentence, or null where it is signed.
 *
 * @param failed a batch of which a node has proven that it paid nobody, and never will
 */
export function refusalOf(
  rules: Rules,
  journal: Journal,
  asked: SignRequest,
  failed: string | null,
): string | null {
  return (
    bytesFault(rules, asked) ?? journalFault(journal, asked) ?? memberFault(journal, asked, failed)
  );
}

/** Whether the bytes do what the request says, within the rules. */
function bytesFault(rules: Rules, asked: SignRequest): string | null {
  const transaction = parsed(asked.draft);
  if (transaction === null) return 'the bytes cannot be read';
  if (transaction.type !== 'eip1559' || transaction.r) return 'the bytes are no unsigned EIP-1559';
  if (!rules.chains.includes(asked.chain)) return `it does not sign for ${asked.chain}`;
  if (`eip155:${transaction.chainId}` !== asked.chain) return 'the bytes are for another chain';
  const sender = asked.path === null ? rules.sender : rules.depositAddress(asked.path);
  if (asked.sender !== sender) return `it signs for ${sender} there`;
  if (asked.path !== null && asked.kind === 'payment' && asked.destination !== rules.sender) {
    return `a deposit address pays ${rules.sender} alone`;
  }
  if (asked.parts && asked.destination !== rules.payout) {
    return rules.payout === null
      ? 'it signs no payment of several withdrawals at once'
      : `several withdrawals are paid through ${rules.payout} alone`;
  }
  if (asked.parts && sumOf(asked.parts) !== BigInt(asked.units))
    return 'the parts have another sum';
  if ((transaction.nonce ?? 0) !== asked.nonce) return 'the bytes have another nonce';
  if (transaction.accessList?.length) return 'the bytes have an access list';
  const call = callOf(asked);
  if (call === null) return 'a cancellation is a transfer of nothing to the sender itself';
  if (transaction.to?.toLowerCase() !== call.to) return 'the bytes go somewhere else';
  if ((transaction.value ?? 0n) !== call.value) return 'the bytes carry another value';
  if ((transaction.data ?? '0x') !== call.data) return 'the bytes call something else';
  const fee = (transaction.gas ?? 0n) * (transaction.maxFeePerGas ?? 0n);
  return fee > rules.maxFeeWei
    ? `it may cost ${fee} wei, at most ${rules.maxFeeWei} is paid`
    : null;
}

function parsed(draft: string) {
  try {
    return parseTransaction(draft as Hex);
  } catch {
    return null;
  }
}

/** What the bytes must call; null where the request contradicts itself. */
function callOf({ kind, sender, destination, contract, units, parts }: SignRequest) {
  if (kind === 'cancel') {
    const isNothing = destination === sender && contract === null && units === '0';
    return isNothing && !parts ? { to: sender, value: 0n, data: '0x' } : null;
  }
  if (parts) {
    const lists = [
      parts.map((part) => part.destination as Hex),
      parts.map((part) => BigInt(part.units)),
    ] as const;
    const data =
      contract === null
        ? encodeFunctionData({ abi: PAYOUT, functionName: 'pay', args: lists })
        : encodeFunctionData({
            abi: PAYOUT,
            functionName: 'payToken',
            args: [contract as Hex, ...lists],
          });
    return { to: destination, value: contract === null ? BigInt(units) : 0n, data };
  }
  if (contract === null) return { to: destination, value: BigInt(units), data: '0x' };
  const args = [destination as Hex, BigInt(units)] as const;
  const data = encodeFunctionData({ abi: ERC20, functionName: 'transfer', args });
  return { to: contract, value: 0n, data };
}

function sumOf(parts: readonly Part[]): bigint {
  return parts.reduce((sum, { units }) => sum + BigInt(units), 0n);
}

/**
 * Whether each withdrawal is paid by this transaction alone: a member of a batch is in no other one
 * and was not signed by itself, and it goes on alone only after its batch has failed.
 */
function memberFault(journal: Journal, asked: SignRequest, failed: string | null): string | null {
  const { groupId, kind, parts } = asked;
  if (kind === 'cancel') return null;
  const own = journal.batchOf(groupId);
  if (own !== undefined && own !== failed) {
    return `${groupId} was signed as part of ${own}, and it is not proven that this failed`;
  }
  for (const { groupId: member } of parts ?? []) {
    const other = journal.batchOf(member);
    if (other !== undefined && other !== groupId) return `${member} was signed as part of ${other}`;
    if (journal.ofGroup(member)) return `${member} was signed by itself`;
  }
  return null;
}

/** Whether it fits to what was signed before: one group has one nonce and one payment, for ever. */
function journalFault(journal: Journal, asked: SignRequest): string | null {
  const { groupId, chain, sender, nonce, kind, destination, contract, units, parts } = asked;
  const owner = journal.groupOf(chain, sender, nonce);
  if (owner !== undefined && owner !== groupId) return `nonce ${nonce} is that of ${owner}`;
  const before = journal.ofGroup(groupId);
  if (before === undefined) return null;
  if ([before.chain, before.sender, before.nonce].join() !== [chain, sender, nonce].join()) {
    return `${groupId} was signed with nonce ${before.nonce} of ${before.sender}`;
  }
  if (kind === 'cancel' || before.payment === null) return null;
  const now: Payment = { destination, contract, units, ...(parts && { parts }) };
  return isSamePayment(before.payment, now) ? null : `${groupId} was signed as another payment`;
}

function isSamePayment(one: Payment, other: Payment): boolean {
  const wordsOf = ({ destination, contract, units, parts = [] }: Payment) =>
    JSON.stringify([
      [destination, contract, units],
      ...parts.map((part) => [part.groupId, part.destination, part.units]),
    ]);
  return wordsOf(one) === wordsOf(other);
}
