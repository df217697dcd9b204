/** What a saga is started with, so that an operator finds it and knows it at a glance. */
import type { SearchAttributePair } from '@temporalio/common';
import { MOST_LISTED } from '../contracts/listAttributes.ts';
import { codeText, plainText } from '../contracts/markdown.ts';
import {
  KIND_OF_SAGA,
  type SagaInputs,
  type SagaType,
  SEARCH_ATTRIBUTE,
} from '../contracts/sagas.ts';
import type { LegInput } from '../contracts/steps.ts';

export interface StartDescription {
  /** One line: who, how much, where to. */
  staticSummary: string;
  /** Markdown: who asked for it, and what with. */
  staticDetails: string;
  typedSearchAttributes: SearchAttributePair[];
}

interface Facts {
  summary: string;
  details: string[];
  wallets: string[];
  assets: string[];
  amount: string | null;
}

/** What the input of a saga does not say, and whoever starts it knows. */
export interface KnownFacts {
  summary?: string;
  wallets?: string[];
  /** Of all its wallets. */
  assets?: string[];
  amount?: string;
}

/** More legs than a summary's one line bears. */
const LEGS_IN_SUMMARY = 2;

/**
 * What a saga of this input is called and found by, before its first step.
 *
 * @param known what the input does not say; what it does say stands
 */
export function describeStart<T extends SagaType>(
  type: T,
  input: SagaInputs[T],
  known: KnownFacts = {},
): StartDescription {
  const facts = FACTS[type](input);
  const amount = facts.amount ?? known.amount;
  const attributes: SearchAttributePair[] = [
    { key: SEARCH_ATTRIBUTE.status, value: 'IN_PROGRESS' },
    { key: SEARCH_ATTRIBUTE.kind, value: KIND_OF_SAGA[type] },
  ];
  const wallets = list(facts.wallets, known.wallets);
  const assets = list(facts.assets, known.assets);
  if (wallets.length > 0) attributes.push({ key: SEARCH_ATTRIBUTE.wallet, value: wallets });
  if (assets.length > 0) attributes.push({ key: SEARCH_ATTRIBUTE.asset, value: assets });
  if (amount) attributes.push({ key: SEARCH_ATTRIBUTE.amount, value: amount });
  return {
    staticSummary: known.summary ?? facts.summary,
    staticDetails: facts.details.join('\n\n'),
    typedSearchAttributes: attributes,
  };
}

function list(said: string[], known: string[] = []): string[] {
  return [...new Set(said.length > 0 ? said : known)].slice(0, MOST_LISTED);
}

const FACTS: { [T in SagaType]: (input: SagaInputs[T]) => Facts } = {
  transfer: (input) => ({
    summary: `${input.settle === 'manual' ? 'Hold' : 'Transfer'} ${legsInWords(input.legs)}`,
    details: withReference(`Asked for by ${plainText(input.client)}.`, input.reference),
    wallets: input.legs.map((leg) => leg.wallet),
    // Where one leg came without its asset, the saga tells them all once the ledger has said them.
    assets: input.legs.every((leg) => leg.asset) ? input.legs.map((leg) => leg.asset ?? '') : [],
    amount: input.legs[0]?.amount ?? null,
  }),
  reversal: (input) => ({
    summary: `Reverse ${input.amount ?? 'what is left'} of ${codeText(input.reverses)}`,
    details: [`Asked for by ${plainText(input.client)}: ${plainText(input.reason)}`],
    wallets: [],
    assets: [],
    amount: input.amount,
  }),
  deposit: (input) => ({
    summary: `Deposit ${input.amount} to ${plainText(input.wallet)}`,
    details: withReference(`Told by ${plainText(input.client)}.`, input.txid),
    wallets: [input.wallet],
    assets: [],
    amount: input.amount,
  }),
  withdrawal: withdrawalFacts,
  chainWithdrawal: withdrawalFacts,
  custodialWithdrawal: withdrawalFacts,
  chainDeposit: (input) => ({
    summary: `Deposit seen on chain, inclusion ${input.inclusionId}`,
    details: ['Amount and wallet are read from the chain.'],
    wallets: [],
    assets: [],
    amount: null,
  }),
  chainReversal: (input) => ({
    summary: `Credit without a block, inclusion ${input.inclusionId}`,
    details: ['A reorganisation dropped the block of a deposit that had been credited.'],
    wallets: [],
    assets: [],
    amount: null,
  }),
  collection: ({ purpose, amount, asset, from, to, maxFee }) => ({
    summary: `${purpose === 'top_up' ? 'Gas' : 'Collect'} ${amount} ${asset}: ${from} → ${to}`,
    details: [`Both addresses are ours. An attempt may cost ${maxFee} of the native coin.`],
    wallets: [],
    assets: [asset],
    amount,
  }),
  batch: ({ amount, asset, members, contract }) => ({
    summary: `Pay ${amount} ${asset} to ${members.length} withdrawals at once`,
    details: [`One transaction pays them all, or none, through \`${contract}\`.`],
    wallets: [],
    assets: [asset],
    amount,
  }),
};

function withdrawalFacts(input: SagaInputs['withdrawal']): Facts {
  const [from, to] = [plainText(input.wallet), codeText(input.destination)];
  const asked = `Asked for by ${plainText(input.client)}.`;
  return {
    summary: `Withdraw ${input.amount} from ${from} to ${to}`,
    details: [`${asked} Chain fees, where there are any: ${input.feeMode}.`],
    wallets: [input.wallet],
    assets: [],
    amount: input.amount,
  };
}

function withReference(sentence: string, reference: string | null): string[] {
  return reference ? [sentence, `Reference ${codeText(reference)}`] : [sentence];
}

/** `10 USD: alice → bob` for two legs of one amount, else the number of legs. */
function legsInWords(legs: LegInput[]): string {
  const [debit, credit] = [...legs].sort((a) => (a.type === 'DEBIT' ? -1 : 1));
  if (!debit) return 'without legs yet';
  if (legs.length > LEGS_IN_SUMMARY) return `of ${legs.length} legs, ${legInWords(debit)} first`;
  if (!credit || credit.type === debit.type) return legs.map(legInWords).join(' and ');
  const asset = debit.asset ? ` ${debit.asset}` : '';
  return `${debit.amount}${asset}: ${plainText(debit.wallet)} → ${plainText(credit.wallet)}`;
}

function legInWords(leg: LegInput): string {
  const sign = leg.type === 'DEBIT' ? '−' : '+';
  return `${plainText(leg.wallet)} ${sign}${leg.amount}${leg.asset ? ` ${leg.asset}` : ''}`;
}
