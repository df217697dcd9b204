/**
 * The only module that knows Decimal. Amounts cross every border as strings; this is where a
 * string is checked, brought into canonical form, compared and added up outside SQL.
 */
import { Decimal as DefaultDecimal } from 'decimal.js';
import type { Amount } from './resources.ts';

/** 100 digits hold a product of two 38.36 amounts; exponents off, so `toString` is plain. */
const Decimal = DefaultDecimal.clone({ precision: 100, toExpNeg: -1000, toExpPos: 1000 });

/** The wire's grammar (API.md, Conventions): no sign, exponent, blank or leading zero. */
const AMOUNT_PATTERN = /^(0|[1-9]\d{0,37})(\.\d{1,36})?$/;

/** Why a text is not an amount, in a sentence for the caller, or null when it is one above zero. */
export function amountFault(value: unknown, scale: number | null): string | null {
  if (typeof value !== 'string') return 'An amount is a decimal string, such as "1.5".';
  if (!AMOUNT_PATTERN.test(value)) {
    return 'An amount has up to 38 digits, then at most 36 decimals; no sign, exponent or blank.';
  }
  const amount = new Decimal(value);
  if (amount.isZero()) return 'An amount must be greater than zero.';
  if (scale !== null && amount.decimalPlaces() > scale) {
    return `This asset has ${scale} decimals; the amount has ${amount.decimalPlaces()}.`;
  }
  return null;
}

/** `"10.00"` becomes `"10"`: equal amounts are equal texts. Takes a valid amount, may be signed. */
export function canonicalAmount(value: Amount): Amount {
  return new Decimal(value).toFixed();
}

/** The sum of two amounts; either may be signed. */
export function addAmounts(a: Amount, b: Amount): Amount {
  return new Decimal(a).plus(b).toFixed();
}

/** The amount with the other sign; nought has none. */
export function negateAmount(a: Amount): Amount {
  return new Decimal(a).negated().toFixed().replace(/^-0$/, '0');
}

/** Base units of a chain (wei) to whole units: `(1500000n, 6)` is `"1.5"`. Exact. */
export function fromBaseUnits(units: bigint, scale: number): Amount {
  return new Decimal(units.toString()).times(new Decimal(10).pow(-scale)).toFixed();
}

/** Whole units to base units. Throws RangeError where decimals would be lost. */
export function toBaseUnits(amount: Amount, scale: number): bigint {
  const units = new Decimal(amount).times(new Decimal(10).pow(scale));
  if (!units.isInteger()) throw new RangeError(`${amount} has more than ${scale} decimals`);
  return BigInt(units.toFixed());
}

/**
 * The base units that an amount has room for: decimals beyond the scale are cut, so it never grows.
 * For bounds alone; money is not rounded.
 */
export function baseUnitsWithin(amount: Amount, scale: number): bigint {
  return BigInt(new Decimal(amount).times(new Decimal(10).pow(scale)).floor().toFixed());
}
