import type { FastifyReply } from 'fastify';
import type { OperationView } from './operation.view.js';

/** Answers a request whose work goes on as an operation: 202, and where to follow it. */
export function accepted(reply: FastifyReply, operation: OperationView): OperationView {
  void reply.status(202).header('Location', `/api/operations/${operation.id}`);
  return operation;
}
