import { loadSuite } from '../support/load-suite.js';

loadSuite(600);
