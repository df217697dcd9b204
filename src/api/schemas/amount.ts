import { z } from '@hono/zod-openapi';
import { amountFault } from '../../contracts/amounts.ts';
import type { Amount } from '../../contracts/resources.ts';

/*
 * These schemas are no named components: the generator makes a nullable reference to one that no
 * null fits.
 */

/**
 * An amount in a request: a decimal string above zero in whole units of the asset. Faults carry the
 * code INVALID_AMOUNT; how many decimals the asset has is checked where the asset is known.
 */
export const amountInput = z
  .custom<Amount>()
  .superRefine((value, ctx) => {
    if (value === undefined) {
      ctx.addIssue({ code: 'custom', message: 'An amount is required.', continue: false });
      return;
    }
    const message = amountFault(value, null);
    if (message !== null) {
      const params = { code: 'INVALID_AMOUNT' };
      ctx.addIssue({ code: 'custom', message, params, continue: false });
    }
  })
  .openapi({
    type: 'string',
    pattern: '^(0|[1-9]\\d{0,37})(\\.\\d{1,36})?$',
    description:
      'Decimal string above zero in whole units of the asset, with at most its scale of decimals.',
    example: '1.5',
  });

/** One that may be left out or taken away with null. The generator does not see that by itself. */
export const optionalAmount = amountInput.nullish().openapi({ type: ['string', 'null'] });

/** An amount in an answer: plain notation, no trailing zeros, signed where it says so. */
export const amountOutput = z.string().openapi({
  pattern: '^-?(0|[1-9]\\d*)(\\.\\d*[1-9])?$',
  description: 'Decimal string in whole units of the asset; plain notation, no trailing zeros.',
  example: '1.5',
});
