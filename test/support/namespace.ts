/** Namespaces on a Temporal server that runs already. */
import { Connection } from '@temporalio/client';

const RETENTION_SECONDS = 86_400;
/** A server reads its list of namespaces anew every few seconds. */
const KNOWN_WITHIN_MS = 30_000;
const POLL_MS = 200;

/** Registers a namespace and waits until the server takes calls for it. */
export async function registerNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS as never },
    });
    const deadline = Date.now() + KNOWN_WITHIN_MS;
    while (!(await isKnown(connection, namespace))) {
      if (Date.now() > deadline) throw new Error(`${address} does not take up ${namespace}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await connection.close();
  }
}

async function isKnown(connection: Connection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.countWorkflowExecutions({ namespace });
    return true;
  } catch {
    return false;
  }
}
