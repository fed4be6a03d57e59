import { describeOperations } from '../support/operations-suite.js';

describeOperations(1_000);
