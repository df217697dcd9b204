/** What Temporal's errors mean to a caller, in one place. */
import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { CallTimedOut } from './calls.ts';

/**
 * - `already_started`: a workflow of that id runs or has run.
 * - `not_found`: no workflow of that id runs.
 * - `busy`: a rate limit, or no room for an update in this run; the call did not happen.
 * - `timed_out`: the deadline of the call passed; whether it happened is not known.
 * - `rejected`: an update's validator said no, or the server to its shape; it never happened.
 * - `aborted`: an update was accepted and its workflow ended before it; the ledger knows more.
 * - `unavailable`: everything else; whether it happened is not known.
 */
export type TemporalFault =
  | 'already_started'
  | 'not_found'
  | 'busy'
  | 'timed_out'
  | 'rejected'
  | 'aborted'
  | 'unavailable';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/ */
const FAULT_BY_GRPC_CODE = new Map<number, TemporalFault>([
  [1, 'timed_out'], // CANCELLED
  [3, 'rejected'], // INVALID_ARGUMENT
  [4, 'timed_out'], // DEADLINE_EXCEEDED
  [5, 'not_found'], // NOT_FOUND
  [6, 'already_started'], // ALREADY_EXISTS
  [8, 'busy'], // RESOURCE_EXHAUSTED
  [9, 'busy'], // FAILED_PRECONDITION: no room in this run, or its last task failed
]);

/** Failure types that the server itself gives an update. */
const FAULT_BY_UPDATE_FAILURE = new Map<string, TemporalFault>([
  // It was accepted, and the workflow was closed under it.
  ['AcceptedUpdateCompletedWorkflow', 'aborted'],
  // It came with a task that was completed without it, which happens when many come at once.
  ['UnprocessedUpdate', 'busy'],
]);

/** Maps whatever a Temporal client threw. `detail` is for logs and for a caller's message. */
export function faultOf(error: unknown): { fault: TemporalFault; detail: string } {
  const detail = rootMessage(error);
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return { fault: 'already_started', detail };
  }
  if (error instanceof WorkflowNotFoundError) return { fault: 'not_found', detail };
  if (error instanceof CallTimedOut || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return { fault: 'timed_out', detail };
  }
  if (error instanceof WorkflowUpdateFailedError) {
    const type = error.cause instanceof ApplicationFailure ? (error.cause.type ?? '') : '';
    return { fault: FAULT_BY_UPDATE_FAILURE.get(type) ?? 'rejected', detail };
  }
  return { fault: FAULT_BY_GRPC_CODE.get(grpcCodeOf(error)) ?? 'unavailable', detail };
}

/** True where a call of Temporal failed, and nothing else of what was to be done. */
export function isOfTemporal(error: unknown): boolean {
  return error instanceof CallTimedOut || grpcCodeOf(error) !== -1;
}

function grpcCodeOf(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return at.code;
  }
  return -1;
}

/** The innermost message: the outer ones only say which call failed. */
function rootMessage(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  return at instanceof Error ? at.message : String(at);
}
