/**
 * Payments of custodians that are booked and lost their block, under a `final` that is less than
 * the chain's own. When a person has let the chain go on, they are looked for in its other blocks,
 * so that one of these is not dropped unnoticed.
 */
import {
  type CustodyPayment,
  type LostPayment,
  lostPayments,
  noteOtherEvent,
} from './custodyTables.ts';
import { type CustodyDeps, hear, lookOnChain } from './hear.ts';
import { sortShared } from './namedTwice.ts';

/** A block has it soon, or a person asks the custodian. */
const LOOK_EVERY_MS = 10_000;

/** Answers a function that looks for what is lost, where it is time for that. */
export function createLostFollower(
  deps: CustodyDeps,
  everyMs = LOOK_EVERY_MS,
): () => Promise<void> {
  const { db, chain } = deps;
  const told = new Set<string>();
  let lookAt = 0;
  return async () => {
    if (chain === null || performance.now() < lookAt) return;
    const lost = await lostPayments(db, (await chain()).chain);
    // At once: who ends the process waits for all of them.
    await Promise.all(lost.map((each) => follow(deps, each, told)));
    const still = new Set(lost.map(({ payment }) => payment.groupId));
    for (const groupId of told) if (!still.has(groupId)) told.delete(groupId);
    lookAt = performance.now() + everyMs;
  };
}

/** Looks for one, and tells what became of it; that no block has it is told once. */
async function follow(
  deps: CustodyDeps,
  { payment, givenBack }: LostPayment,
  told: Set<string>,
): Promise<void> {
  const { groupId, custodian } = payment;
  const why = await lookFor(deps, payment);
  if (why === null && givenBack) {
    const said = { groupId, custodian, alert: 'CUSTODIAN_PAID_LATE' };
    deps.log.error(said, 'a block has a payment that had lost its own and was given back by hand');
  } else if (why === null) {
    deps.log.warn({ groupId, custodian }, 'another block has a payment that had lost its own');
  } else if (!givenBack && !told.has(groupId)) {
    const said = { groupId, custodian, why, alert: 'CUSTODIAN_PAYMENT_LOST' };
    deps.log.error(said, 'a payment of a custodian is booked, and no block has it any more');
    told.add(groupId);
  }
}

/** Why no block is known to have it, in a sentence, or null. It may have been sent anew. */
async function lookFor(deps: CustodyDeps, lost: CustodyPayment): Promise<string | null> {
  const { payment, why } = await hear(deps, lost);
  const found = (await lookOnChain(deps, payment)).paid;
  let fault = why ?? `the custodian says ${payment.status}, and the chain does not show it`;
  for (const paid of found) {
    const left = await noteOtherEvent(deps.db, payment.groupId, paid);
    if (left === null) return null;
    fault = left;
  }
  // The next look finds it free, where others were settled by it that something else made.
  await sortShared(deps, payment, found);
  return fault;
}
