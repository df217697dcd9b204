/** What `bench/sizing.ts` takes for granted, each with its reason. */

/** The busiest minutes of a day have about twice its mean, and queues grow above a full machine. */
export const HEADROOM = 2;
/** One call of the queue of steps is under way, and reads stand beside it. */
export const CONNECTIONS_OF_PROCESS = 5;
/** Ten minutes: a payment that somebody has to confirm. Days are as well possible: see the text. */
export const OPEN_SECONDS = 600;
/** As `deploy/temporal/createNamespace.sh` says. */
export const RETENTION_DAYS = 30;
/** As docker-compose.yml says: shards cannot be changed later, and cost little. */
export const LEAST_SHARDS = 128;

/** How to read the table. */
export const ABOUT = `A saga is a transfer that is held, waits, and is settled. **(m)**: measured;
the machine above did this rate, headroom included, with everything on it, and the cell is the cost
of a saga times the rate. **(c)**: computed by the formulas below. Nobody has run that, and what
does not grow in proportion is not in it.`;

/** The constants in sentences, and what the figures leave out. */
export const ASSUMED = `- Headroom ${HEADROOM}: the busiest minutes of a day have about twice its
  mean, and a machine that is full answers late.
- A group waits ${OPEN_SECONDS / 60} minutes. Where yours wait for days, take that many groups:
  memory and disk grow with them, processors hardly.
- A process opens ${CONNECTIONS_OF_PROCESS} connections, fewer than the default of 20: its steps
  share two, and reads stand beside them.
- Temporal keeps closed workflows for ${RETENTION_DAYS} days, as
  \`deploy/temporal/createNamespace.sh\` says.
- Temporal was the development server, with SQLite in its own process. A cluster divides that work
  between its services and a Postgres, and adds the way between them, which was not measured.
- Sagas are spread over many wallets, and the ledger is one database. What a wallet in every
  transfer costs stands in [benchmarks.md](benchmarks.md). Where one Postgres has not enough cores,
  split owners over several ledgers, each with a namespace of its own.
- No chain: a watcher is one process a chain and has a bench of its own.`;
