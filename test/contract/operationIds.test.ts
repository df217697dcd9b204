/** Generated clients name their methods by `operationId`: a changed one breaks their callers. */
import { beforeAll, describe, expect, test } from 'vitest';
import { callsOf, type Paths, readDocument } from './document.ts';

const NAMES: Record<string, string> = {
  'POST /v1/transfers': 'createTransfer',
  'GET /v1/transfers': 'listTransfers',
  'GET /v1/transfers/{id}': 'getTransfer',
  'GET /v1/transfers/{id}/entries': 'listTransferEntries',
  'GET /v1/transfers/{id}/timeline': 'getTransferTimeline',
  'POST /v1/transfers/{id}/legs': 'addTransferLegs',
  'POST /v1/transfers/{id}/settle': 'settleTransfer',
  'POST /v1/transfers/{id}/release': 'releaseTransfer',
  'POST /v1/transfers/{id}/cancel': 'cancelTransfer',
  'POST /v1/transfers/{id}/extend': 'extendTransfer',
  'POST /v1/transfers/{id}/reverse': 'reverseTransfer',
  'POST /v1/payout-runs': 'createPayoutRun',
  'GET /v1/payout-runs': 'listPayoutRuns',
  'POST /v1/payout-runs/{id}/cancel': 'cancelPayoutRun',
  'GET /v1/payout-runs/{id}': 'getPayoutRun',
  'GET /v1/payout-runs/{id}/timeline': 'getPayoutRunTimeline',
  'GET /v1/payout-runs/{id}/lines': 'listPayoutRunLines',
  'POST /v1/deposits': 'createDeposit',
  'POST /v1/deposits/{id}/confirm': 'confirmDeposit',
  'POST /v1/deposits/{id}/cancel': 'cancelDeposit',
  'POST /v1/deposit-addresses': 'createDepositAddress',
  'GET /v1/deposit-addresses': 'listDepositAddresses',
  'GET /v1/unattributed': 'listUnattributed',
  'POST /v1/unattributed/{id}/assign': 'assignUnattributed',
  'POST /v1/withdrawals': 'createWithdrawal',
  'POST /v1/withdrawals/{id}/finalize': 'finalizeWithdrawal',
  'POST /v1/withdrawals/{id}/release': 'releaseWithdrawal',
  'POST /v1/withdrawals/{id}/approve': 'approveWithdrawal',
  'POST /v1/withdrawals/{id}/reject': 'rejectWithdrawal',
  'POST /v1/withdrawals/{id}/speed-up': 'speedUpWithdrawal',
  'POST /v1/withdrawals/{id}/cancel-on-chain': 'cancelWithdrawalOnChain',
  'POST /v1/wallets': 'createWallet',
  'GET /v1/wallets': 'listWallets',
  'GET /v1/wallets/{id}': 'getWallet',
  'GET /v1/wallets/{id}/balance': 'getWalletBalance',
  'GET /v1/wallets/{id}/entries': 'listWalletEntries',
  'POST /v1/wallets/{id}/freeze': 'freezeWallet',
  'POST /v1/wallets/{id}/unfreeze': 'unfreezeWallet',
  'POST /v1/wallets/{id}/close': 'closeWallet',
  'POST /v1/assets': 'createAsset',
  'GET /v1/assets': 'listAssets',
  'GET /v1/assets/{code}': 'getAsset',
  'PATCH /v1/assets/{code}': 'updateAsset',
  'PUT /v1/limits/{id}': 'putLimit',
  'GET /v1/limits/{id}': 'getLimit',
  'DELETE /v1/limits/{id}': 'deleteLimit',
  'GET /v1/limits': 'listLimits',
  'PUT /v1/open-limits/{id}': 'putOpenLimit',
  'GET /v1/open-limits/{id}': 'getOpenLimit',
  'DELETE /v1/open-limits/{id}': 'deleteOpenLimit',
  'GET /v1/open-limits': 'listOpenLimits',
  'PUT /v1/treasury-rules/{asset}': 'putTreasuryRule',
  'GET /v1/treasury-rules/{asset}': 'getTreasuryRule',
  'DELETE /v1/treasury-rules/{asset}': 'deleteTreasuryRule',
  'GET /v1/treasury-rules': 'listTreasuryRules',
  'PUT /v1/finality-rules/{id}': 'putFinalityRule',
  'GET /v1/finality-rules/{id}': 'getFinalityRule',
  'DELETE /v1/finality-rules/{id}': 'deleteFinalityRule',
  'GET /v1/finality-rules': 'listFinalityRules',
  'PUT /v1/approval-rules/{id}': 'putApprovalRule',
  'GET /v1/approval-rules/{id}': 'getApprovalRule',
  'DELETE /v1/approval-rules/{id}': 'deleteApprovalRule',
  'GET /v1/approval-rules': 'listApprovalRules',
  'POST /v1/destinations': 'createDestination',
  'GET /v1/destinations': 'listDestinations',
  'DELETE /v1/destinations': 'deleteNamedDestination',
  'DELETE /v1/destinations/{id}': 'deleteDestination',
  'PUT /v1/destination-rules/{id}': 'putDestinationRule',
  'GET /v1/destination-rules/{id}': 'getDestinationRule',
  'DELETE /v1/destination-rules/{id}': 'deleteDestinationRule',
  'GET /v1/destination-rules': 'listDestinationRules',
  'POST /v1/api-keys': 'createApiKey',
  'GET /v1/api-keys': 'listApiKeys',
  'DELETE /v1/api-keys/{id}': 'deleteApiKey',
  'GET /v1/chains': 'listChains',
  'POST /v1/chains/{chain}/rescan': 'rescanChain',
  'POST /v1/chain-hooks/{source}': 'receiveChainHook',
  'GET /v1/reconciliation': 'getReconciliation',
  'GET /health/live': 'getHealthLive',
  'GET /health/ready': 'getHealthReady',
  'GET /metrics': 'getMetrics',
  'GET /docs': 'getDocs',
  'GET /openapi.json': 'getOpenapiJson',
};

let names: Record<string, string | undefined>;

beforeAll(async () => {
  const document = await readDocument<Paths<{ operationId?: string }>>();
  names = Object.fromEntries(
    callsOf(document).map(([call, { operationId }]) => [call, operationId]),
  );
});

describe('the operationIds of the OpenAPI document', () => {
  test('are there for each call, in camelCase, and tell it from all others', () => {
    const ids = Object.values(names);
    for (const [call, id = ''] of Object.entries(names))
      expect(id, call).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('are those that clients were generated with', () => {
    expect(names).toEqual(NAMES);
  });
});
