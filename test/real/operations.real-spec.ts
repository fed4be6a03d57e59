import { describeOperations } from '../support/operations-suite.js';

// a thousand of them are `npm run test:long`
describeOperations(200);
