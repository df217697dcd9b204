import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Failures as Temporal stores them where payloads are encrypted: messages and stacks, which name
 * wallets and amounts, go into a payload. Their types stay readable. Found by this name and path by
 * the SDK, in the workers' sandbox and outside of it.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
