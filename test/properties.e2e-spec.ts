import { describeProperties } from './support/property-suite.js';

// the same requests every time: a change fails because of what it changes; other requests are tried by the long run
describeProperties({ runs: 30, seed: 1 });
