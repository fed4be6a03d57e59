import { loadSuite } from '../support/load-suite.js';

// the ten minutes are `npm run test:long`
loadSuite(20);
