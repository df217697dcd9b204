/** The provider's own book: one payment for an external id, for ever. */
import { randomUUID } from 'node:crypto';

export type Status = 'submitted' | 'pending' | 'confirmed' | 'failed' | 'rejected';

export interface Payment {
  externalId: string;
  reference: string;
  asset: string;
  amount: string;
  destination: string;
  status: Status;
  txid: string | null;
  detail: string | null;
}

export type Order = Pick<Payment, 'externalId' | 'asset' | 'amount' | 'destination'>;

/** What is asked for, or null where it is no order. */
export function readOrder(body: unknown): Order | null {
  if (typeof body !== 'object' || body === null) return null;
  const { externalId, asset, amount, destination } = body as Record<string, unknown>;
  const texts = [externalId, asset, amount, destination];
  if (!texts.every((text) => typeof text === 'string' && text !== '')) return null;
  return { externalId, asset, amount, destination } as Order;
}

/** A new payment, not yet in the book. */
export function openPayment(order: Order): Payment {
  return { ...order, reference: randomUUID(), status: 'submitted', txid: null, detail: null };
}

/** Whether an order asks for what a payment of the same id is. */
export function isSame(payment: Payment, order: Order): boolean {
  return (
    payment.asset === order.asset &&
    payment.amount === order.amount &&
    payment.destination === order.destination
  );
}

/** Why an order is no payment of `asset`, a native coin, in a sentence; null: it is one. */
export function orderFault(order: Order, asset: string): string | null {
  if (order.asset !== asset) return `${order.asset} is not paid here, ${asset} alone is.`;
  if (!/^0x[0-9a-fA-F]{40}$/.test(order.destination)) return 'The destination is no address.';
  return /^(0|[1-9]\d{0,37})(\.\d{1,18})?$/.test(order.amount) && /[1-9]/.test(order.amount)
    ? null
    : 'The amount is no number of coins above zero.';
}
