import { Jobs } from './jobs.client.js';
import { OperationAccess } from './operation-access.js';
import { OperationEnds } from './operation-ends.js';
import { OperationFeed } from './operation-feed.js';
import { OperationRunner } from './operation-runner.js';
import { OperationStore } from './operation-store.js';
import { OperationsUpkeep } from './operations-upkeep.js';
import { OperationsService } from './operations.service.js';
import { Operations } from './operations.js';

/** Everything that operations are made of. */
export const OPERATION_PROVIDERS = [
  Jobs,
  OperationStore,
  OperationEnds,
  OperationRunner,
  Operations,
  OperationAccess,
  OperationFeed,
  OperationsService,
  OperationsUpkeep,
];
