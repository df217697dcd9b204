import { OpenAPIHono } from '@hono/zod-openapi';
import { except } from 'hono/combine';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import type { Config } from '../config.ts';
import type { ChainDoor } from '../contracts/chain.ts';
import type { HookDoor } from '../contracts/hooks.ts';
import type { SagaGateway } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { authenticate } from './auth.ts';
import { bodyLimit, payoutBodyLimit } from './bodyLimit.ts';
import type { ApiDeps, ApiEnv } from './context.ts';
import { docsRoutes } from './docs.ts';
import { onError } from './errors.ts';
import { createKeyring, type Keyring, warnOfShortKey } from './keyring.ts';
import { serveDocument } from './openapi.ts';
import { Problem, sendProblem } from './problem.ts';
import { requestLog } from './requestLog.ts';
import { apiKeyRoutes } from './routes/apiKeys.ts';
import { approvalRuleRoutes } from './routes/approvalRules.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { assetRoutes } from './routes/assets.ts';
import { chainHookRoutes, HOOKS_PATH } from './routes/chainHooks.ts';
import { chainRoutes } from './routes/chains.ts';
import { depositAddressRoutes } from './routes/depositAddresses.ts';
import { depositRoutes } from './routes/deposits.ts';
import { destinationRuleRoutes } from './routes/destinationRules.ts';
import { destinationRoutes } from './routes/destinations.ts';
import { finalityRuleRoutes } from './routes/finalityRules.ts';
import { healthRoutes } from './routes/health.ts';
import { limitRoutes } from './routes/limits.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { openLimitRoutes } from './routes/openLimits.ts';
import { PAYOUT_RUNS_PATH, payoutRunRoutes } from './routes/payoutRuns.ts';
import { reconciliationRoutes } from './routes/reconciliation.ts';
import { replacementRoutes } from './routes/replacements.ts';
import { transferActRoutes } from './routes/transferActs.ts';
import { transferRoutes } from './routes/transfers.ts';
import { treasuryRuleRoutes } from './routes/treasuryRules.ts';
import { unattributedRoutes } from './routes/unattributed.ts';
import { walletRoutes } from './routes/wallets.ts';
import { withdrawalRoutes } from './routes/withdrawals.ts';
import { refuseInvalid } from './validation.ts';
import { createWalletCatalog } from './walletCatalog.ts';

export type App = OpenAPIHono<ApiEnv>;

export interface AppInput {
  db: Db;
  gateway: SagaGateway;
  config: Pick<Config, 'adminKey'>;
  /** None: no chain is followed. */
  chain?: ChainDoor | null;
  /** None: no source of hooks is known. */
  hooks?: HookDoor | null;
  log: Log;
  metrics: Metrics;
}

/** What stands around every route, in the order in which a request meets it. */
function useMiddleware(app: App, keys: Keyring, { log, metrics }: ApiDeps): void {
  app.use(requestId());
  app.use(requestLog(log, metrics));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        sendProblem(
          c,
          new Problem('METHOD_NOT_ALLOWED', `Here you can ${methods.join(', ')}.`, {
            headers: { Allow: methods.join(', ') },
          }),
        ),
    }),
  );
  // Providers have no key of ours: their hooks are signed instead.
  app.use('/v1/*', except(`${HOOKS_PATH}/*`, authenticate(keys)));
  app.use('/v1/*', except(PAYOUT_RUNS_PATH, bodyLimit));
  app.use(PAYOUT_RUNS_PATH, payoutBodyLimit);
}

/**
 * The HTTP API of API.md as a Hono app, without a socket: `app.request()` in tests, `startServer`
 * to listen. All state is in Postgres and Temporal, so any number of processes can serve it.
 */
export function createApp({ db, gateway, config, chain, hooks, log, metrics }: AppInput): App {
  const deps: ApiDeps = {
    db,
    gateway,
    chain: chain ?? null,
    log,
    metrics,
    wallets: createWalletCatalog(db),
  };
  const keys = createKeyring(db, config.adminKey);
  warnOfShortKey(config.adminKey, log);
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid });
  app.onError(onError(log));
  app.notFound((c) => sendProblem(c, new Problem('NOT_FOUND', 'There is nothing at this path.')));
  useMiddleware(app, keys, deps);
  const routes = [
    transferRoutes(deps),
    transferActRoutes(deps),
    payoutRunRoutes(deps),
    depositRoutes(deps),
    depositAddressRoutes(deps),
    unattributedRoutes(deps),
    withdrawalRoutes(deps),
    approvalRoutes(deps),
    replacementRoutes(deps),
    walletRoutes(deps),
    assetRoutes(deps),
    limitRoutes(deps),
    openLimitRoutes(deps),
    treasuryRuleRoutes(deps),
    finalityRuleRoutes(deps),
    approvalRuleRoutes(deps),
    destinationRoutes(deps),
    destinationRuleRoutes(deps),
    apiKeyRoutes(deps, keys),
    chainRoutes(deps),
    chainHookRoutes(hooks ?? null),
    reconciliationRoutes(deps),
    healthRoutes(deps),
    metricsRoutes(deps),
    docsRoutes(),
  ];
  for (const resource of routes) app.route('/', resource);
  serveDocument(app);
  return app;
}
